-- Run by the superuser at the first start of PostgreSQL under Compose: creates the role of the application, which owns the
-- database and has no other permission. The superuser's password is removed, so that no password gives access to it.
\getenv password POSTGRES_PASSWORD
CREATE ROLE dno LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
ALTER DATABASE dno OWNER TO dno;
ALTER ROLE postgres PASSWORD NULL;
