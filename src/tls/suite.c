#include "tls/suite.h"

#include <stddef.h>

#define AES_128_GCM { TLS_GCM, TLS_AES_128, TLS_NO_MAC, 16, 16, 0, 8 }
#define AES_256_GCM { TLS_GCM, TLS_AES_256, TLS_NO_MAC, 32, 16, 0, 8 }
#define AES_128_CCM { TLS_CCM, TLS_AES_128, TLS_NO_MAC, 16, 16, 0, 8 }
#define AES_256_CCM { TLS_CCM, TLS_AES_256, TLS_NO_MAC, 32, 16, 0, 8 }
#define AES_128_CCM_8 { TLS_CCM, TLS_AES_128, TLS_NO_MAC, 16, 8, 0, 8 }
#define AES_256_CCM_8 { TLS_CCM, TLS_AES_256, TLS_NO_MAC, 32, 8, 0, 8 }
#define CHACHA20_POLY1305 { TLS_POLY1305, TLS_CHACHA20, TLS_NO_MAC, 32, 16, 0, 0 }
#define AES_128_CBC_SHA { TLS_CBC, TLS_AES_128, TLS_HMAC_SHA1, 16, 20, 16, 0 }
#define AES_256_CBC_SHA { TLS_CBC, TLS_AES_256, TLS_HMAC_SHA1, 32, 20, 16, 0 }
#define AES_128_CBC_SHA256 { TLS_CBC, TLS_AES_128, TLS_HMAC_SHA256, 16, 32, 16, 0 }
#define AES_256_CBC_SHA256 { TLS_CBC, TLS_AES_256, TLS_HMAC_SHA256, 32, 32, 16, 0 }
#define AES_256_CBC_SHA384 { TLS_CBC, TLS_AES_256, TLS_HMAC_SHA384, 32, 48, 16, 0 }
#define TRIPLE_DES_CBC_SHA { TLS_CBC, TLS_TRIPLE_DES, TLS_HMAC_SHA1, 24, 20, 8, 0 }

static const struct tls_suite suites[] = {
#define SUITE(id, cipher, hash) { id, TLS_##hash, cipher },
#include "tls/suites.def"
#undef SUITE
};

const struct tls_suite *tls_suite_find(uint16_t id)
{
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        if (suites[i].id == id)
            return &suites[i];
    return NULL;
}
