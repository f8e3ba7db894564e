/* CWarren: the door to C. One function is one call, with a sentence on why Swift cannot make it. */
#ifndef CWARREN_H
#define CWARREN_H

#include "warren_sys.h"
#include "warren_pki.h"
#include "warren_probe.h"
#include "warren_tls.h"

#endif
