"""DuckDB's extension for HTTP, from its package instead of DuckDB's download site."""

import importlib.resources

import duckdb


def load(connection=duckdb):
    folder = importlib.resources.files("duckdb_extension_httpfs")
    connection.load_extension(str(folder / f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension"))
