#ifndef WARREN_TLS_H
#define WARREN_TLS_H

#endif
