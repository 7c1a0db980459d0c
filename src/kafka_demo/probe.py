"""Finds out by itself what librdkafka does not tell: why somebody hangs up, or why a certificate is not trusted."""

import contextlib
import socket
import struct

PATIENCE = 1.0  # seconds to wait for a connection
# A request that every listener of Kafka answers, also before a login: ApiVersions (18), version 0, correlation id 1.
# https://kafka.apache.org/protocol#The_Messages_ApiVersions
_HELLO = struct.pack(">ihhih", 10, 18, 0, 1, -1)
_ANSWER = struct.pack(">i", 1)  # after its length, an answer begins with the correlation id
_ALERT = b"\x15\x03"  # what TLS answers to what is no TLS


def spoken_at(address: tuple[str, int]) -> str:
    """Ask what is spoken at this address: `plain` is Kafka's protocol as it is, `TLS` wraps something; else nothing."""
    answer = b""
    with contextlib.suppress(OSError, UnicodeError), socket.create_connection(address, PATIENCE) as connection:
        connection.sendall(_HELLO)
        answer = connection.recv(8)
    return "TLS" if answer.startswith(_ALERT) else "plain" if answer.endswith(_ANSWER) else ""


def distrust(address: tuple[str, int], authority: str) -> str:
    """Say in OpenSSL's words why the certificate at this address is not trusted, which librdkafka keeps to itself."""
    import ssl  # which takes a moment to load, and is rarely needed

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if authority:
            context.load_verify_locations(authority)
        else:
            context.load_default_certs()
        with socket.create_connection(address, PATIENCE) as connection:
            context.wrap_socket(connection, server_hostname=address[0]).close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, UnicodeError):
        pass  # it has gone away meanwhile
    return ""
