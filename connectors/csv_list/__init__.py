"""Lists on disk: CSV files and workbooks, as a connector and for the commands that take a file."""
