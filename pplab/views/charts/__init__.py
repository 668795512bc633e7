"""Charts: small static SVGs, and the dashboard's plotly figure."""
