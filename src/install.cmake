# SPDX-License-Identifier: MIT
# What `cmake --install` puts where.
include(CMakePackageConfigHelpers)

# Who awaits in a loop needs this, or g++ without optimisation overflows the stack.
target_compile_options(ashlar INTERFACE -foptimize-sibling-calls)
install(TARGETS ashlar EXPORT ashlar_targets FILE_SET HEADERS)
# It stands beside the library that it needs.
set_target_properties(ashlar_twin PROPERTIES INSTALL_RPATH "$ORIGIN")
install(TARGETS ashlar_twin EXPORT ashlar_targets)

# The program finds its library wherever the two are put together.
file(RELATIVE_PATH library_from_program /${CMAKE_INSTALL_SBINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(ashlar_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${library_from_program}")
install(TARGETS ashlar_cli RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
# Simulations need no privileges.
file(RELATIVE_PATH library_from_sim /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(ashlar_sim PROPERTIES INSTALL_RPATH "$ORIGIN/${library_from_sim}")
install(TARGETS ashlar_sim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

set(config_directory ${CMAKE_INSTALL_LIBDIR}/cmake/ashlar)
install(EXPORT ashlar_targets NAMESPACE ashlar:: DESTINATION ${config_directory}
    FILE ashlar_targets.cmake)
configure_package_config_file(ashlar_config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/ashlarConfig.cmake
    INSTALL_DESTINATION ${config_directory})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/ashlarConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ashlarConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/ashlarConfigVersion.cmake DESTINATION ${config_directory})

# The prefix of a .pc file is found from where the file lies, so that --prefix at install time works.
file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" prefix_from_pc "${prefix_from_pc}")
# A shared library knows its own libraries; who links a static one has to name them.
set(pc_requires "")
if(NOT BUILD_SHARED_LIBS)
    set(pc_requires "liburing >= 2.3, fmt")
endif()
foreach(pc ashlar ashlar-twin)
    configure_file(${pc}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${pc}.pc @ONLY)
endforeach()
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ashlar.pc ${CMAKE_CURRENT_BINARY_DIR}/ashlar-twin.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
