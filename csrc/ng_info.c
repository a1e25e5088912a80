/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What the generic nodes and the launchers know about elementwise ops: name, what the derivative reads, and what an
 * element costs. The cost is read off the formulas, as text, so that an op stays one line in its table.
 */
#include <string.h>

#include "ng_api.h"

/* Sixteenths of a nanosecond per float32 element with AVX2; the memory traffic of an element alone costs BASE. */
enum { BASE = 4 };
static const struct {
    const char *text;
    int cost;
} weights[] = {
    {"MATH(exp)", 6},    {"MATH(expm1)", 10}, {"MATH(log)", 8},     {"MATH(log1p)", 12}, {"MATH(log2)", 8},
    {"MATH(log10)", 8},  {"MATH(sqrt)", 4},   {"MATH(tanh)", 10},   {"MATH(sigmoid)", 9}, {"MATH(erf)", 16},
    {"MATH(erfc)", 24},  {"MATH(sin)", 16},   {"MATH(cos)", 16},    {"MATH(tan)", 24},   {"MATH(sinh)", 14},
    {"MATH(cosh)", 12},  {"MATH(arctan)", 12}, {"MATH(arctan2)", 20}, {"MATH(pow)", 40},  {"MATH(softplus)", 16},
    {" / ", 3},
};

static int formula_cost(const char *formula)
{
    int cost = BASE;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        for (const char *at = formula; (at = strstr(at, weights[i].text)); at++) cost += weights[i].cost;
    return cost;
}

static const char *const unary_formulas[][2] = {
#define NG_UNARY(name, keeps, forward, derivative) {#forward, #derivative},
#include "ops_unary.def"
#undef NG_UNARY
};
static const char *const binary_formulas[][3] = {
#define NG_BINARY(name, forward, reads_da, da, reads_db, db) {#forward, #da, #db},
#include "ops_binary.def"
#undef NG_BINARY
};

extern ng_unary_info ng_unary_info_table[];
ng_unary_info ng_unary_info_table[] = {
#define NG_UNARY(name, keeps, forward, derivative) {#name, NG_READS_##keeps, BASE, BASE, 0},
#define NG_ACTIVATION(name, keeps, forward, derivative) {#name, NG_READS_##keeps, BASE, BASE, 1},
#include "ops_unary.def"
#undef NG_ACTIVATION
#undef NG_UNARY
};
extern ng_binary_info ng_binary_info_table[];
ng_binary_info ng_binary_info_table[] = {
#define NG_BINARY(name, forward, reads_da, da, reads_db, db) {#name, NG_READS_##reads_da, NG_READS_##reads_db, BASE, BASE, 0},
#include "ops_binary.def"
#undef NG_BINARY
};

/* Runs when the library is loaded: the tables are constant for everyone else. */
__attribute__((constructor)) static void fill_in_costs(void)
{
    for (int op = 0; op < NG_UNARY_COUNT; op++) {
        ng_unary_info_table[op].forward_cost = formula_cost(unary_formulas[op][0]);
        ng_unary_info_table[op].backward_cost = formula_cost(unary_formulas[op][1]);
    }
    for (int op = 0; op < NG_BINARY_COUNT; op++) {
        const int da = formula_cost(binary_formulas[op][1]), db = formula_cost(binary_formulas[op][2]);
        ng_binary_info_table[op].forward_cost = formula_cost(binary_formulas[op][0]);
        ng_binary_info_table[op].backward_cost = da > db ? da : db;
        ng_binary_info_table[op].hands_dy_on =
            (strcmp(binary_formulas[op][1], "dy") == 0) | (strcmp(binary_formulas[op][2], "dy") == 0) << 1;
    }
}
