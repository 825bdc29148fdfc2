-- At the first start of the composed PostgreSQL, by its superuser: the role of the application, which owns the
-- database and has no other right. The superuser loses its password, so that none in an address leads to it.
\getenv password POSTGRES_PASSWORD
CREATE ROLE dno LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
ALTER DATABASE dno OWNER TO dno;
ALTER ROLE postgres PASSWORD NULL;
