#ifndef WARREN_SYS_H
#define WARREN_SYS_H

#include <stddef.h>
#include <stdint.h>

/* strerror_r(3): glibc declares two of that name and Swift sees neither. Writes a NUL-ended sentence. */
void warren_strerror(int code, char *text, size_t size);

#endif
