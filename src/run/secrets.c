#include "run/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wipe.h"

static void take(void *context, const uint8_t *text, size_t length, bool end, uint16_t capture, uint32_t frame)
{
    struct secrets *secrets = context;
    const struct key_place place = { capture, frame };
    if (capture >= secrets->text_count)
        return;
    struct key_log_text *of = &secrets->texts[capture];
    secrets->found();
    bool ok = key_log_add(secrets->log, of, text, length, place);
    if (ok && end)
        ok = key_log_end(secrets->log, of, place);
    secrets->failed |= !ok;
}

bool secrets_poll(struct secrets *secrets)
{
    uint8_t bytes[16384];
    ssize_t count;
    struct stat st;
    if (secrets->fd < 0)
        return !secrets->failed;
    if (fstat(secrets->fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size < secrets->offset) { /* begun anew */
        secrets->offset = 0;
        key_log_text_wipe(&secrets->file);
        (void)lseek(secrets->fd, 0, SEEK_SET);
    }
    while ((count = read(secrets->fd, bytes, sizeof bytes)) > 0) {
        secrets->offset += (uint64_t)count;
        secrets->failed |= !key_log_add(secrets->log, &secrets->file, bytes, (size_t)count, KEY_PLACE_BEFORE_ALL);
    }
    wipe(bytes, sizeof bytes);
    return !secrets->failed;
}

/* All of a file that does not grow. */
static bool read_all(struct secrets *secrets, struct err *err)
{
    const struct key_log_text *file = &secrets->file;
    if (!secrets_poll(secrets) || !key_log_end(secrets->log, &secrets->file, KEY_PLACE_BEFORE_ALL))
        return err_no_memory(err);
    return file->lines == 0 || file->good > 0 ||
           err_set(err, "%s: is no key log: of its %" PRIu64 " lines none is LABEL, random and secret, as SSLKEYLOGFILE has them",
                   secrets->path, file->lines);
}

bool secrets_open(struct secrets *secrets, const char *path, const struct opener *opener, bool grows, size_t captures, void (*found)(void),
                  struct err *err)
{
    *secrets = (struct secrets){ .fd = -1, .path = path, .text_count = captures, .found = found };
    secrets->captures = (struct capture_secrets){ take, secrets };
    secrets->log = key_log_new(err);
    secrets->texts = calloc(captures > 0 ? captures : 1, sizeof *secrets->texts);
    if (secrets->log == NULL || secrets->texts == NULL)
        return err_no_memory(err);
    if (path == NULL)
        return true;
    struct stat st;
    found();
    secrets->fd = opener_open(opener, path);
    if (secrets->fd < 0)
        return err_set(err, "%s: cannot read the key log: %s", path, strerror(errno));
    if (fstat(secrets->fd, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(err, "%s: cannot read the key log: it is a directory", path);
    if (grows)
        return secrets_poll(secrets) || err_no_memory(err);
    return read_all(secrets, err);
}

void secrets_close(struct secrets *secrets)
{
    if (secrets->fd >= 0)
        close(secrets->fd);
    wipe(&secrets->file, sizeof secrets->file);
    if (secrets->texts != NULL)
        wipe(secrets->texts, secrets->text_count * sizeof *secrets->texts);
    free(secrets->texts);
    key_log_free(secrets->log);
    *secrets = (struct secrets){ .fd = -1 };
}
