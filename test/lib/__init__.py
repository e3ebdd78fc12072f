"""What the integration tests share: a PostgreSQL server, the program, and views of what it left behind."""
