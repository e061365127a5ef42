/* SPDX-License-Identifier: Apache-2.0 */
/* souk/version.h -- which souk this is. SConstruct reads the number from here, so it stands nowhere else. */
#ifndef SOUK_VERSION_H
#define SOUK_VERSION_H

/* Semantic versioning: major.minor.patch. The library's soname carries the major number. */
#define SOUK_VERSION "0.1.0"

#endif
