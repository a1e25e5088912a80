/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The kernel table of one dtype and instruction set: compiled once per pair, like the kernels (-DNG_DTYPE, -DNG_ISA).
 *
 * Names of the bodies: FN(NAME) for NG_KERNEL(family, NAME); for the elementwise ops FN(unary_NAME_forward),
 * FN(unary_NAME_backward), activations also FN(bias_NAME_forward); FN(binary_NAME_forward), FN(binary_NAME_da), FN(binary_NAME_db).
 */
#include "ng_real.h"
#include "ng_api.h"

#define DECLARE(body) void FN(body)(const void *args, int64_t begin, int64_t end, ng_ctx *ctx);

#define NG_UNARY(name, keeps, forward, derivative) DECLARE(unary_##name##_forward) DECLARE(unary_##name##_backward)
#define NG_ACTIVATION(name, keeps, forward, derivative) \
    NG_UNARY(name, keeps, forward, derivative) DECLARE(bias_##name##_forward)
#include "ops_unary.def"
#undef NG_UNARY
#undef NG_ACTIVATION
#define NG_BINARY(name, forward, reads_da, da, reads_db, db) \
    DECLARE(binary_##name##_forward) DECLARE(binary_##name##_da) DECLARE(binary_##name##_db)
#include "ops_binary.def"
#undef NG_BINARY
#define NG_KERNEL(family, name) DECLARE(name)
#include "ng_kernels.def"
#undef NG_KERNEL

extern const ng_kernels FN(ng_table);
const ng_kernels FN(ng_table) = {
    .unary_forward = {
#define NG_UNARY(name, keeps, forward, derivative) [NG_UNARY_##name] = FN(unary_##name##_forward),
#include "ops_unary.def"
#undef NG_UNARY
    },
    .unary_backward = {
#define NG_UNARY(name, keeps, forward, derivative) [NG_UNARY_##name] = FN(unary_##name##_backward),
#include "ops_unary.def"
#undef NG_UNARY
    },
    .bias_forward = {
#define NG_UNARY(name, keeps, forward, derivative) [NG_UNARY_##name] = NULL,
#define NG_ACTIVATION(name, keeps, forward, derivative) [NG_UNARY_##name] = FN(bias_##name##_forward),
#include "ops_unary.def"
#undef NG_UNARY
#undef NG_ACTIVATION
    },
    .binary_forward = {
#define NG_BINARY(name, forward, reads_da, da, reads_db, db) [NG_BINARY_##name] = FN(binary_##name##_forward),
#include "ops_binary.def"
#undef NG_BINARY
    },
    .binary_da = {
#define NG_BINARY(name, forward, reads_da, da, reads_db, db) [NG_BINARY_##name] = FN(binary_##name##_da),
#include "ops_binary.def"
#undef NG_BINARY
    },
    .binary_db = {
#define NG_BINARY(name, forward, reads_da, da, reads_db, db) [NG_BINARY_##name] = FN(binary_##name##_db),
#include "ops_binary.def"
#undef NG_BINARY
    },
#define NG_KERNEL(family, name) .name = FN(name),
#include "ng_kernels.def"
#undef NG_KERNEL
};
