#!/bin/sh
# One node, broker and controller in one. Its storage is formatted once.
set -eu
/opt/kafka/bin/kafka-storage.sh format --cluster-id Y29zLWNvbXBvc2Uta2Fmaw --config /etc/cos/server.properties --ignore-formatted
exec /opt/kafka/bin/kafka-server-start.sh /etc/cos/server.properties
