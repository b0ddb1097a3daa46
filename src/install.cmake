# SPDX-License-Identifier: MIT
# What `cmake --install` puts where.
include(CMakePackageConfigHelpers)

install(TARGETS ashlar EXPORT ashlar_targets FILE_SET HEADERS)
install(TARGETS ashlar_cli RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
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
file(RELATIVE_PATH prefix_from_pc
    /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" prefix_from_pc "${prefix_from_pc}")
configure_file(ashlar.pc.in ${CMAKE_CURRENT_BINARY_DIR}/ashlar.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ashlar.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
