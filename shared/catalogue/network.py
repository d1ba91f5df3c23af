"""Errors FC6xx: network."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC601": Entry(
        "Coordinator cannot be reached",
        "The coordinator is not running, or a firewall, proxy or wrong address lies between.",
        "Ask whether the coordinator runs; check that this machine may open the address in the message.",
    ),
    "FC602": Entry(
        "Port cannot be opened",
        "Another process listens on the port, or the address is not one of this machine's.",
        "Stop the other process, or choose another address or port.",
    ),
    "FC603": Entry(
        "Coordinator is not from this federation",
        "Its certificate was not issued by the authority in the kit: a kit of another federation, a server "
        "set up anew, or someone between.",
        "Check that the kit belongs to this federation; ask the coordinator for a new one. Do not go around this.",
    ),
    "FC604": Entry(
        "Coordinator's certificate out of date",
        "The certificate has expired or is not valid yet, or this machine's clock is wrong.",
        "Check the clock; else ask the coordinator to renew its certificate.",
    ),
    "FC605": Entry(
        "Coordinator's certificate is for another name",
        "The host in the kit is not among the names in the certificate.",
        "Ask the coordinator to provision with every --host under which it can be reached.",
    ),
    "FC606": Entry(
        "Site not in the roster",
        "The coordinator does not know the key in this kit: it was replaced or revoked, or the kit is old.",
        "Ask the coordinator for the current kit.",
    ),
    "FC607": Entry(
        "Kit in use",
        "Another process is connected with the same kit, here or on another machine.",
        "Stop the other one. After a crash, wait half a minute.",
    ),
    "FC608": Entry(
        "Not a coordinator",
        "Something else answers at that address: a server without TLS, a proxy, or another service.",
        "Check host and port, and that no proxy rewrites the connection.",
    ),
    "FC609": Entry(
        "Flower versions differ",
        "The coordinator and this site run releases of flwr that do not speak the same protocol.",
        "Install fedchemo with its requirements.lock on both sides.",
    ),
    "FC610": Entry(
        "Clocks differ",
        "Requests are signed with the time; this machine's clock may be 5 seconds ahead or 5 minutes behind.",
        "Synchronise the clock (NTP) on both sides.",
    ),
    "FC611": Entry(
        "Site lost",
        "The site has not been heard of for too long: it crashed, was stopped or lost its connection.",
        "Nothing to do at the coordinator: the round went on without it, and it may come back.",
    ),
    "FC612": Entry(
        "Reply not readable",
        "What the site sent is not a message of Flower.",
        "Check the site's release; if it is right, treat the site as faulty.",
    ),
    "FC613": Entry(
        "Coordinator refused a request",
        "The coordinator answered with an error that this release does not know.",
        "See the coordinator's log at that time.",
    ),
    "FC614": Entry(
        "Site taken off the roster",
        "The site was revoked, or its kit has ended, while it had work in hand; nothing of it counts any more.",
        "Nothing to do for the run. `fedchemo provision renew` gives a site a new kit.",
    ),
    "FC615": Entry(
        "Site stops",
        "The site's client was told to stop while it trained or prepared images; nothing half-done was sent.",
        "Nothing to do for the run. Start the site's client again, or ask why it was stopped.",
    ),
    "FC616": Entry(
        "Releases of fedchemo differ",
        "The coordinator and this site run different releases that speak the same protocol.",
        "Nothing at once; upgrade the older side when it suits: the message names it and the release.",
    ),
    "FC617": Entry(
        "Address of the proxy not usable",
        "--proxy or HTTPS_PROXY is not the address of an HTTP proxy; https:// and socks:// are not supported.",
        "Write http://HOST:PORT, or http://NAME:PASSWORD@HOST:PORT. What goes through it is encrypted by itself.",
    ),
    "FC618": Entry(
        "Proxy cannot be reached",
        "The proxy is not running, its name or port is wrong, or it does not speak HTTP.",
        "Ask the hospital's network team for host and port of the HTTP proxy.",
    ),
    "FC619": Entry(
        "Proxy wants a name and password",
        "The proxy lets nobody through unnamed, does not know the name, or knows only another way than Basic.",
        "Put them into the address, http://NAME:PASSWORD@HOST:PORT, in HTTPS_PROXY rather than on the command line; "
        "or ask the network team to let this machine through to the coordinator without.",
    ),
    "FC620": Entry(
        "Proxy refuses the coordinator",
        "The proxy's rules do not allow CONNECT to the coordinator's host and port.",
        "Ask the network team to allow CONNECT to the address in the message, without inspection.",
    ),
    "FC621": Entry(
        "Proxy cannot reach the coordinator",
        "The proxy could not resolve or reach the coordinator, which may not be running.",
        "Ask whether the coordinator runs; else ask the network team why the proxy cannot reach it.",
    ),
    "FC622": Entry(
        "Encrypted connection opened on the way",
        "A proxy or firewall that inspects TLS answers in the coordinator's place, with a certificate of its own.",
        "Ask the network team to exempt the coordinator's host and port from TLS inspection; the message says whose "
        "certificate was shown. Do not go around this.",
    ),
}
