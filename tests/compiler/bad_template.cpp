// SPDX-License-Identifier: MIT
// Coroutine templates: the compiler meets the broken forms only when it instantiates them.
//
// lint: blind, the forms are in bad_template.hpp

#include "bad_template.hpp"

using namespace sample;

int main() {
    expect("if in a template, taken", 1, pick(1, 2, true));
    expect("if in a template, not taken", 2, pick(1, 2, false));
    expect("aggregate in a template", 3, sum_of<counted>(1, 2));
    return verdict();
}
