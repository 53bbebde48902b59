# Teal in an image: one static binary and nothing else. `make images` builds it.
FROM scratch
COPY bin/teal /bin/teal
ENTRYPOINT ["/bin/teal"]
