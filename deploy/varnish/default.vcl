vcl 4.1;

# Varnish 7 with varnish-modules (xkey); docs/edge.md explains it. Addresses are in backends.vcl, which is found in vcl_path
# (/etc/varnish by default).
#
# Settings of the server: EDGE_HEADERS=xkey, EDGE_VARNISH=http://<this Varnish>, TRUSTED_PROXIES=<address of Varnish>, the same
# address in OPERATIONS_NETWORKS for the health checks, and KEEP_ALIVE_TIMEOUT=75, so that Varnish closes idle connections first
# (backend_idle_timeout is 60 s). TLS ends before Varnish (nginx, HAProxy or hitch), which sets X-Forwarded-Proto and
# X-Forwarded-For; its address is in TRUSTED_PROXIES, too.

import directors;
import std;
import xkey;

include "backends.vcl";

sub vcl_recv {
    set req.backend_hint = instances.backend();

    if (req.method == "PURGE") {
        # Varnish has appended the address of its client to X-Forwarded-For. A comma means that a proxy before Varnish has sent
        # this for another client; what clients of that proxy send has its address, which may be among those that may purge.
        if (client.ip !~ purgers || req.http.X-Forwarded-For ~ ",") {
            return (synth(403, "Forbidden"));
        }
        if (!req.http.xkey-purge) {
            return (synth(400, "No keys"));
        }
        # Removed, not only outdated: nothing that was purged is delivered while it is fetched again.
        set req.http.x-purged = xkey.purge(req.http.xkey-purge);
        return (synth(200, "Purged"));
    }

    # WebSocket.
    if (req.http.Upgrade ~ "(?i)^websocket$") {
        return (pipe);
    }

    # Mutations, POSTs, and methods that the server refuses with a code of its own.
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }

    # Who is signed in, or has a key, reads from the server, which answers for their role.
    if (req.http.Authorization == "") {
        unset req.http.Authorization;
    }
    if (req.http.Authorization || req.http.Cookie ~ "(^|;\s*)(__Host-)?dno_session=") {
        return (pass);
    }

    # The server reads all lines as one, and Varnish only the first: what is stored would be another's answer.
    std.collect(req.http.Accept);

    # Subscriptions do not wait for each other.
    if (req.http.Accept ~ "text/event-stream|multipart/mixed") {
        return (pass);
    }

    # From here on all anonymous readers share what is stored. Cookies of other programs do not concern the server.
    unset req.http.Cookie;
    # The language of pages: the first of both in the list, which browsers sort by preference; German where there is neither.
    set req.http.Accept-Language =
        regsub(std.tolower(req.http.Accept-Language), "^(?:(?!\b(?:de|en)\b).)*\b(de|en)\b.*$", "\1");
    if (req.http.Accept-Language !~ "^(de|en)$") {
        set req.http.Accept-Language = "de";
    }
    # Accept-Encoding is normalised by Varnish itself: it fetches and stores gzip, and unpacks it for the few who do not accept it.

    # What has expired is delivered only while no instance is healthy.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 0s;
    }
    return (hash);
}

sub vcl_pipe {
    if (req.http.Upgrade) {
        set bereq.http.Upgrade = req.http.Upgrade;
        # Where it is no handshake that the server takes, it answers and closes: what else the client sends through the pipe would
        # reach the server as it is, with an X-Forwarded-For that the client has made up.
        set bereq.http.Connection = "Upgrade, close";
    }
}

sub vcl_backend_response {
    if (bereq.uncacheable) {
        return (deliver);
    }
    # For Varnish, and not for browsers: RFC 9213, or its predecessor. Cache-Control stays as it is, and is for browsers.
    if (beresp.http.CDN-Cache-Control) {
        set beresp.http.x-lifetime = beresp.http.CDN-Cache-Control;
    } else if (beresp.http.Surrogate-Control) {
        set beresp.http.x-lifetime = beresp.http.Surrogate-Control;
    } else if (beresp.http.Cache-Control ~ "immutable") {
        # Files whose address has a digest of their content.
        set beresp.http.x-lifetime = beresp.http.Cache-Control;
    }
    if (beresp.http.x-lifetime !~ "max-age=[0-9]" || beresp.http.x-lifetime ~ "no-store|private"
        || beresp.http.Set-Cookie || beresp.http.Vary == "*") {
        # Requests for it do not wait for each other for a while; a response that may be stored ends this.
        unset beresp.http.x-lifetime;
        set beresp.uncacheable = true;
        set beresp.ttl = 30s;
        return (deliver);
    }
    set beresp.ttl = std.duration(regsub(beresp.http.x-lifetime, "^.*max-age=([0-9]+).*$", "\1s"), 0s) - beresp.age;
    unset beresp.http.x-lifetime;
    # While no instance is healthy: no purge arrives then, and nothing can be corrected through the server.
    set beresp.grace = 5m;
    set beresp.keep = 0s;
    # Those of the one request that it was fetched for.
    unset beresp.http.RateLimit;
    unset beresp.http.RateLimit-Policy;
    unset beresp.http.X-Request-Id;
    return (deliver);
}

sub vcl_backend_fetch {
    if (!std.healthy(bereq.backend)) {
        # No instance is sent anything.
        return (error(503, "No instance"));
    }
    return (fetch);
}

sub vcl_backend_error {
    # An instance that has just stopped: the next one gets what can be repeated.
    if (bereq.method == "GET" && bereq.retries == 0) {
        return (retry);
    }
    set beresp.http.Content-Type = "application/json";
    set beresp.http.Cache-Control = "no-store";
    set beresp.ttl = 0s;
    set beresp.grace = 0s;
    # What an instance was sent may have been executed: then clients are not asked to send it again, unless it only reads.
    if (bereq.method == "GET" || bereq.method == "HEAD" || beresp.reason == "No instance") {
        set beresp.http.Retry-After = "1";
        set beresp.body =
            """{"errors":[{"message":"The service is unavailable for a moment.","extensions":{"code":"UNAVAILABLE"}}]}""";
    } else {
        set beresp.body =
            """{"errors":[{"message":"The server has not answered; how much of the request was executed is not known.","extensions":{"code":"UNAVAILABLE"}}]}""";
    }
    return (deliver);
}

sub vcl_deliver {
    # Names of keys and the lifetime at the edge are not for clients. Age stays: browsers subtract it.
    unset resp.http.xkey;
    unset resp.http.Cache-Tag;
    unset resp.http.Edge-Cache-Tag;
    unset resp.http.Surrogate-Key;
    unset resp.http.Surrogate-Control;
    unset resp.http.Cache-Groups;
    unset resp.http.CDN-Cache-Control;
    unset resp.http.Via;
    unset resp.http.X-Varnish;
    if (obj.uncacheable) {
        set resp.http.X-Cache = "PASS";
    } else if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
}

sub vcl_synth {
    set resp.http.Content-Type = "application/json";
    set resp.http.Cache-Control = "no-store";
    if (req.http.x-purged) {
        set resp.body = """{"purged": """ + req.http.x-purged + "}";
    } else {
        set resp.body = """{"error": """ + {"""} + resp.reason + {"""} + "}";
    }
    return (deliver);
}
