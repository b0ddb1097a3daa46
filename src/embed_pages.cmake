# SPDX-License-Identifier: MIT
# Puts the man page's fixed text and the targets' pages into the program, as a header of strings:
# generated/cli/pages.hpp. Who adds a target only lays its page beside its code.
file(GLOB target_pages CONFIGURE_DEPENDS targets/*/*.md)
set(man_template ${PROJECT_SOURCE_DIR}/docs/man/ashlar.1.in)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${man_template} ${target_pages})

# A string literal of a file's contents. Its delimiter occurs in no page.
function(read_literal file variable)
    file(READ ${file} text)
    set(${variable} "R\"page~(${text})page~\"" PARENT_SCOPE)
endfunction()

read_literal(${man_template} literal)
set(header "// Made by embed_pages.cmake of docs/man/ashlar.1.in and the targets' pages.
#pragma once
#include <string_view>
namespace ashlar::cli {
struct target_page {
    std::string_view target;
    std::string_view text;
};
inline constexpr std::string_view man_template = ${literal};
inline constexpr target_page target_pages[] = {\n")
foreach(page ${target_pages})
    get_filename_component(target ${page} NAME_WE)
    read_literal(${page} literal)
    string(APPEND header "    {\"${target}\", ${literal}},\n")
endforeach()
string(APPEND header "};\n}  // namespace ashlar::cli\n")

# Written only if it is another one, so that nothing is compiled again in vain.
set(pages_header ${CMAKE_CURRENT_BINARY_DIR}/generated/cli/pages.hpp)
file(WRITE ${pages_header}.new "${header}")
file(COPY_FILE ${pages_header}.new ${pages_header} ONLY_IF_DIFFERENT)
