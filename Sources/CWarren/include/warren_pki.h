#ifndef WARREN_PKI_H
#define WARREN_PKI_H

#endif
