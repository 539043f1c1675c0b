#!/bin/sh
exec java ${KAFKA_HEAP_OPTS:--Xmx1G} -XX:+UseSerialGC -cp '/opt/kafka/libs/*' kafka.Kafka "$@"
