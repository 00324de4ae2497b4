/*
 * conv2pcap - a conversation as a capture file, to look at it with other tools.
 */
#include <pcap/pcap.h>
#include <stdio.h>

#include "capture/capture.h"

int main(int argc, char **argv)
{
    struct err err = { "" };
    if (argc != 3) {
        fputs("usage: conv2pcap FILE.conv OUT.pcap\n", stderr);
        return 2;
    }
    struct capture *capture = capture_open(argv[1], NULL, &err);
    pcap_t *raw = pcap_open_dead_with_tstamp_precision(DLT_RAW, CAPTURE_MAX_PACKET_BYTES,
                                                       PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *out = capture != NULL && raw != NULL ? pcap_dump_open(raw, argv[2]) : NULL;
    if (out == NULL) {
        fprintf(stderr, "conv2pcap: %s\n", err.text[0] != '\0' ? err.text : pcap_geterr(raw));
        return 2;
    }
    struct packet packet;
    struct capture_batch batch = { .packets = &packet, .max = 1 };
    while (capture_read(capture, &batch, &err) == CAPTURE_PACKETS) {
        struct pcap_pkthdr header = { .caplen = packet.caplen, .len = packet.len };
        header.ts.tv_sec = packet.ts_ns / 1000000000;
        header.ts.tv_usec = packet.ts_ns % 1000000000; /* nanoseconds, as asked for above */
        pcap_dump((unsigned char *)out, &header, packet.data);
    }
    int failed = pcap_dump_flush(out);
    pcap_dump_close(out);
    pcap_close(raw);
    capture_close(capture);
    return failed != 0 ? 2 : 0;
}
