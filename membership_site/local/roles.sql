-- Make the two roles, the extensions and the database of a fresh cluster.
-- Takes: a superuser's psql session, passwords in the environment (OWNER_PASSWORD, RUNTIME_PASSWORD).
-- Gives: `owner`, who owns the database and migrates; `runtime`, who owns nothing and may only read and write rows.
-- The extensions and the default grants stand in template1 too, so that every database `owner` makes has them.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv runtime_password RUNTIME_PASSWORD

CREATE ROLE owner LOGIN CREATEDB PASSWORD :'owner_password';
CREATE ROLE runtime LOGIN PASSWORD :'runtime_password';

\connect template1
CREATE EXTENSION btree_gist;
CREATE EXTENSION pg_stat_statements;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT USAGE ON SEQUENCES TO runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT EXECUTE ON FUNCTIONS TO runtime;

\connect postgres
CREATE DATABASE membership OWNER owner TEMPLATE template1;
