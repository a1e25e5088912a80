/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The kernel table of one dtype and instruction set: compiled once per pair, like the kernels (-DNG_DTYPE, -DNG_ISA).
 *
 * Names of the bodies: FN(NAME) for a kernel of kernels/FAMILY.inc; for the elementwise ops FN(unary_NAME_forward),
 * FN(unary_NAME_backward), activations also FN(bias_NAME_forward); FN(binary_NAME_forward), FN(binary_NAME_da), FN(binary_NAME_db).
 */
#include "ng_real.h"
#include "ng_api.h"

#define DECLARE(body) void FN(body)(const void *args, int64_t begin, int64_t end, ng_ctx *ctx);

#define UNARY(name) DECLARE(unary_##name##_forward) DECLARE(unary_##name##_backward)
#define ACTIVATION(name) DECLARE(bias_##name##_forward)
#define BINARY(name) DECLARE(binary_##name##_forward) DECLARE(binary_##name##_da) DECLARE(binary_##name##_db)
NG_UNARY_OPS(UNARY)
NG_ACTIVATION_OPS(ACTIVATION)
NG_BINARY_OPS(BINARY)
NG_KERNELS(DECLARE)

#define UNARY_FORWARD(name) [NG_UNARY_##name] = FN(unary_##name##_forward),
#define UNARY_BACKWARD(name) [NG_UNARY_##name] = FN(unary_##name##_backward),
#define BIAS_FORWARD(name) [NG_UNARY_##name] = FN(bias_##name##_forward),
#define BINARY_FORWARD(name) [NG_BINARY_##name] = FN(binary_##name##_forward),
#define BINARY_DA(name) [NG_BINARY_##name] = FN(binary_##name##_da),
#define BINARY_DB(name) [NG_BINARY_##name] = FN(binary_##name##_db),
#define KERNEL(name) .name = FN(name),

extern const ng_kernels FN(ng_table);
const ng_kernels FN(ng_table) = {
    .unary_forward = {NG_UNARY_OPS(UNARY_FORWARD)},
    .unary_backward = {NG_UNARY_OPS(UNARY_BACKWARD)},
    .bias_forward = {NG_ACTIVATION_OPS(BIAS_FORWARD)},
    .binary_forward = {NG_BINARY_OPS(BINARY_FORWARD)},
    .binary_da = {NG_BINARY_OPS(BINARY_DA)},
    .binary_db = {NG_BINARY_OPS(BINARY_DB)},
    NG_KERNELS(KERNEL)
};
