# The instances, and who may purge: the part of default.vcl that differs between installations.
# One instance, or more of them: one `backend` each, and one line in vcl_init.

probe ready {
    # 503 from the moment in which an instance begins to stop. The address of Varnish is in OPERATIONS_NETWORKS.
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
    .host = "127.0.0.1";
    .port = "8001";
    .probe = ready;
    .connect_timeout = 2s;
    # More than ANSWER_TIMEOUT (60 s); event streams send something every SOCKET_CHECK_INTERVAL (20 s).
    .first_byte_timeout = 70s;
    .between_bytes_timeout = 70s;
}

backend instance2 {
    .host = "127.0.0.1";
    .port = "8002";
    .probe = ready;
    .connect_timeout = 2s;
    .first_byte_timeout = 70s;
    .between_bytes_timeout = 70s;
}

# The addresses of all instances, as Varnish sees them.
acl purgers {
    "127.0.0.1";
}

sub vcl_init {
    new instances = directors.round_robin();
    instances.add_backend(instance1);
    instances.add_backend(instance2);
}
