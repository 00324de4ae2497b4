/*
 * twins - one connection that the capture shows twice: before and after a device that translates addresses (NAT, a load balancer, the
 * service addresses of a cluster). Such a device leaves sequence numbers as they are, and two connections that agree in both initial
 * ones within moments by chance (1 in 2^64) do not occur. Private to the floor.
 */
#ifndef HANGUP_JUDGE_TWINS_H
#define HANGUP_JUDGE_TWINS_H

#include "facts/record.h"

/* Sorts the records, and tells of each that is a twin of another: `first` is the one whose first packet came first. Returns how
 * many twins there are. */
size_t twins_find(struct record **records, size_t count, void (*found)(void *context, struct record *first, struct record *twin),
                  void *context);

#endif
