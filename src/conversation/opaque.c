/* opaque - what nobody recognises: its exchanges are told by turns alone, until a client begins a handshake of TLS. */
#include "conversation/protocol.h"
#include "conversation/tls_records.h"
#include "conversation/turns.h"

/* Behind a command of the protocol's own (STARTTLS of SMTP, IMAP, POP3, XMPP and LDAP, AUTH TLS of FTP, SSLRequest of PostgreSQL
 * and MySQL, a SOCKS proxy) the client's next segment begins with a ClientHello: a record whose length and whose message's
 * length fit each other, and both versions (RFC 8446 sections 4, 4.1.2 and 5.1). By chance 11 bytes are one once in 2^50. */
static bool begins_tls(const struct conversation *talk, unsigned from, const struct tcp_chunk *chunk)
{
    enum { TYPE_AT = 5, MESSAGE_LENGTH_AT = 6, VERSION_AT = 9, ENOUGH = 11, CLIENT_HELLO = 1, MESSAGE_HEADER = 4 };
    const uint8_t *b = chunk->bytes;
    if (b == NULL || from != turns_client(talk) || chunk->length < ENOUGH || b[0] != TLS_HANDSHAKE || b[1] != 3 || b[2] > 3 ||
        b[TYPE_AT] != CLIENT_HELLO || b[VERSION_AT] != 3 || b[VERSION_AT + 1] > 3)
        return false;
    uint32_t record = (uint32_t)b[3] << 8 | b[4];
    uint32_t message = (uint32_t)b[MESSAGE_LENGTH_AT] << 16 | (uint32_t)b[MESSAGE_LENGTH_AT + 1] << 8 | b[MESSAGE_LENGTH_AT + 2];
    return message + MESSAGE_HEADER == record;
}

static void input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                  const struct tcp_chunk *chunk)
{
    if (begins_tls(talk, from, chunk)) {
        turns_secure(talk, memory);
        talk->stream[0] = talk->stream[1] = (struct conversation_stream){ 0 };
        conversation_become(talk, memory, PROTOCOL_TLS);
        return; /* which gets the chunk */
    }
    turns_input(talk, memory, from, chunk, false);
}

const struct protocol_ops opaque_ops = { .input = input, .inferred = true };
