"""Pages of HTML that hold all they need: figures by Plotly, tables, and no request to anybody."""
