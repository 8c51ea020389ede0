# Debian's PostgreSQL under the conventions of the image that deploy/compose.yaml names.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq && \
    apt-get install -y -qq --no-install-recommends postgresql-15 && \
    rm -rf /var/lib/apt/lists/* /var/lib/postgresql/15 && \
    install -d -o postgres -g postgres /var/lib/postgresql/data /var/run/postgresql
ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
COPY postgres.sh /usr/local/bin/entrypoint
ENTRYPOINT ["/bin/sh", "/usr/local/bin/entrypoint"]
STOPSIGNAL SIGINT
