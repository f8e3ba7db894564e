/* The BIO through which OpenSSL reads and writes: the windows of the call in progress, nothing else.
 *
 * It keeps no bytes. A read takes at most what OpenSSL asks for, and OpenSSL (read-ahead off) asks for exactly one record
 * header and then one record body, so it never takes a byte past the record it works on. Detaching rests on that. Records whose
 * text goes past libssl's own buffers (tls_ciphers.c) are taken apart and put together here. */
#include <pthread.h>
#include <string.h>

#include "record.h"

/* --- text that goes past libssl's own buffers --------------------------------------------------------------------- */

/* libssl reads a header of five bytes, then as many as it says, then has the cipher open them in place. Where all of them are here,
 * only the tag goes into its buffer, which it hands to the cipher by itself; the cipher takes the text from where it is. */
static int leave_body(warren_tls_session *session, uint8_t *to, size_t room) {
    const warren_window *input = session->input;
    if (session->body == 0) {
        if (room == RECORD_HEADER && input->count >= RECORD_HEADER && input->base[0] == CONTENT_DATA)
            session->body = (size_t)input->base[3] << 8 | input->base[4];
        return 0;
    }
    int is_whole = room == session->body && room > RECORD_TAG && input->count >= room;
    session->body = 0;
    if (!is_whole) return 0;
    size_t length = room - RECORD_TAG;
    session->arriving = (struct warren_detour){to, input->base, length};
    memcpy(to + length, input->base + length, RECORD_TAG);
    return 1;
}

const uint8_t *warren_text_arriving(warren_tls_session *session, const uint8_t *in, size_t length) {
    struct warren_detour text = session->arriving;
    session->arriving.length = 0;
    if (text.length != length || text.seeming != in) return in;
    session->bytes_around += length;
    return text.actual;
}

/* In its buffer libssl puts the header before the text and the tag behind it, and writes all of it next; but handshake messages by
 * way of another buffer. The content type stands behind the text (RFC 8446 section 5.2), and libssl pads nothing for us. */
uint8_t *warren_text_leaving(warren_tls_session *session, uint8_t *out, size_t length) {
    warren_sink *output = session->output;
    if (output == NULL || length == 0 || out[length - 1] != CONTENT_DATA
        || output->capacity - output->count < RECORD_HEADER + length + RECORD_TAG)
        return out;
    uint8_t *there = output->base + output->count + RECORD_HEADER;
    session->leaving = (struct warren_detour){out, there, length};
    return there;
}

/* What is in libssl's buffer was never sealed there: anything but the record that is expected must not leave. 1, or -1. */
static int write_around(warren_tls_session *session, const uint8_t *from, size_t length) {
    warren_sink *output = session->output;
    const struct warren_detour *text = &session->leaving;
    uint8_t *to = output->base + output->count;
    if (from + RECORD_HEADER != text->seeming || to + RECORD_HEADER != text->actual
        || length != RECORD_HEADER + text->length + RECORD_TAG)
        return -1;
    memcpy(to, from, RECORD_HEADER);
    memcpy(to + RECORD_HEADER + text->length, from + RECORD_HEADER + text->length, RECORD_TAG);
    output->count += length;
    session->bytes_around += text->length;
    session->leaving.length = 0;
    return 1;
}

/* --- as libssl calls it -------------------------------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *to, size_t room, size_t *count) {
    warren_tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    warren_window *input = session->input;
    if (input == NULL || input->count == 0) {
        BIO_set_retry_read(bio);
        *count = 0;
        return -1;
    }
    size_t take = room < input->count ? room : input->count;
    if (!session->takes_detours || !leave_body(session, (uint8_t *)to, room)) memcpy(to, input->base, take);
    input->base += take;
    input->count -= take;
    *count = take;
    return 1;
}

static int bio_write(BIO *bio, const char *from, size_t length, size_t *count) {
    warren_tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    warren_sink *output = session->output;
    if (session->leaving.length != 0) {
        *count = length;
        return output != NULL ? write_around(session, (const uint8_t *)from, length) : -1;
    }
    if (output == NULL || output->count == output->capacity) {
        BIO_set_retry_write(bio);
        *count = 0;
        return -1;
    }
    size_t room = output->capacity - output->count;
    size_t take = length < room ? length : room;
    memcpy(output->base + output->count, from, take);
    output->count += take;
    *count = take;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void make_method(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "warren window");
    if (method == NULL) return;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
}

BIO *warren_tls_bio_new(warren_tls_session *session) {
    if (pthread_once(&method_once, make_method) != 0 || method == NULL) return NULL;
    BIO *bio = BIO_new(method);
    if (bio != NULL) BIO_set_data(bio, session);
    return bio;
}
