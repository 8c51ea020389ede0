# Debian with its own Python, small as the images of Python are: no manuals, no lists of packages.
ARG BASE
FROM ${BASE} AS full
RUN apt-get update -qq && \
    apt-get install -y -qq --no-install-recommends python3 python3-venv ca-certificates && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
# one layer: what is removed above still weighs in those before
FROM scratch
COPY --from=full / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
