#!/bin/sh
# Run once by the image of PostgreSQL: two roles that cannot walk through the walls, and the database.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username=postgres \
    --set=owner="$(cat /run/secrets/owner_password)" --set=application="$(cat /run/secrets/application_password)" <<'SQL'
CREATE ROLE einstein_owner LOGIN PASSWORD :'owner' NOSUPERUSER NOBYPASSRLS CREATEDB;
CREATE ROLE einstein_app LOGIN PASSWORD :'application' NOSUPERUSER NOBYPASSRLS;
CREATE DATABASE einstein OWNER einstein_owner;
GRANT CONNECT, TEMPORARY ON DATABASE einstein TO einstein_app;
SQL
