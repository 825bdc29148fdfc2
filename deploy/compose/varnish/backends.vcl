# The part of deploy/varnish/default.vcl that differs between installations, for docker-compose.yml: one instance, at a fixed address.

probe ready {
    # 503 from the moment in which the instance begins to stop. The address of Varnish is in OPERATIONS_NETWORKS.
    .request =
        "GET /readyz HTTP/1.1"
        "Host: dno-api"
        "Connection: close";
    .interval = 1s;
    .timeout = 2s;
    .window = 3;
    .threshold = 2;
    .initial = 2;
}

backend instance1 {
    .host = "172.30.53.2";
    .port = "8000";
    .probe = ready;
    .connect_timeout = 2s;
    # More than ANSWER_TIMEOUT (60 s); event streams send something every SOCKET_CHECK_INTERVAL (20 s).
    .first_byte_timeout = 70s;
    .between_bytes_timeout = 70s;
}

acl purgers {
    "172.30.53.2";
}

sub vcl_init {
    new instances = directors.round_robin();
    instances.add_backend(instance1);
}
