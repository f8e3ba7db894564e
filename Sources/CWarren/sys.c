#define _GNU_SOURCE
#include "warren_sys.h"

#include <string.h>

void warren_strerror(int code, char *text, size_t size) {
    const char *sentence = strerror_r(code, text, size);
    if (sentence != text) {
        strncpy(text, sentence, size - 1);
        text[size - 1] = 0;
    }
}
