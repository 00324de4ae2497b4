/*
 * conv_h2 - frames of HTTP/2 in a conversation's payload (RFC 9113 section 4). Private to the floor.
 */
#ifndef HANGUP_CAPTURE_CONV_H2_H
#define HANGUP_CAPTURE_CONV_H2_H

#include <stdbool.h>

#include "base/err.h"
#include "base/strbuf.h"

/* `h2(preface)`, `h2(settings[,ID,VALUE]...)`, `h2(settings_ack)`, `h2(request,STREAM,METHOD,PATH[,end])`,
 * `h2(response,STREAM,STATUS[,end|,CONTENT_LENGTH])`, `h2(data,STREAM,LENGTH[,end])`, `h2(trailers,STREAM)`, `h2(rst_stream,STREAM,CODE)`,
 * `h2(goaway,LAST_STREAM[,CODE[,TEXT]])`, `h2(ping)`, `h2(ping_ack)`, `h2(window_update,STREAM,INCREMENT)`,
 * `h2(websocket,STREAM,PATH)` (a request of RFC 8441). Heads use the static table and
 * literals that are not indexed. Steps *p over it. false: not written so, or longer than `most` bytes in all. */
bool conv_take_h2(const char **p, struct strbuf *payload, size_t most, struct err *err);

#endif
