# SPDX-License-Identifier: MIT
# The man page and the completions, which the program prints of itself; and what udev, the module
# loader and systemd are told.
set(generated_docs)
foreach(page man bash zsh fish)
    set(output ${CMAKE_CURRENT_BINARY_DIR}/generated/ashlar.${page})
    add_custom_command(OUTPUT ${output}
        COMMAND ashlar_cli generate ${page} > ${output}
        DEPENDS ashlar_cli COMMENT "Generating ${page}")
    list(APPEND generated_docs ${output})
endforeach()
set(output ${CMAKE_CURRENT_BINARY_DIR}/generated/ashlar-sim.man)
add_custom_command(OUTPUT ${output}
    COMMAND ashlar_sim --man > ${output}
    DEPENDS ashlar_sim COMMENT "Generating the page of ashlar-sim")
list(APPEND generated_docs ${output})
add_custom_target(ashlar_docs ALL DEPENDS ${generated_docs})

set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
install(FILES ${generated}/ashlar.man DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 RENAME ashlar.1)
install(FILES ${generated}/ashlar-sim.man
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 RENAME ashlar-sim.1)
install(FILES ${generated}/ashlar.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ashlar)
install(FILES ${generated}/ashlar.zsh
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _ashlar)
install(FILES ${generated}/ashlar.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# udev, modules-load and systemd read lib/ of /usr and of /usr/local. Only what is made for /usr may follow
# the distribution's own word, which is an absolute path and so ignores --prefix.
set(udev_directory lib/udev)
set(modules_load_directory lib/modules-load.d)
set(units_directory lib/systemd/system)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    pkg_get_variable(udev_said udev udevdir)
    pkg_get_variable(modules_load_said systemd modulesloaddir)
    pkg_get_variable(units_said systemd systemdsystemunitdir)
    if(udev_said)
        set(udev_directory ${udev_said})
    endif()
    if(modules_load_said)
        set(modules_load_directory ${modules_load_said})
    endif()
    if(units_said)
        set(units_directory ${units_said})
    endif()
endif()

# The rules and the unit name the installed program, wherever --prefix puts it.
set(udev_rules ${CMAKE_CURRENT_BINARY_DIR}/generated/60-ashlar.rules)
set(unit ${CMAKE_CURRENT_BINARY_DIR}/generated/ashlar@.service)
install(CODE "
    set(ashlar_program \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}/ashlar\")
    configure_file(\"${PROJECT_SOURCE_DIR}/udev/60-ashlar.rules.in\" \"${udev_rules}\" @ONLY)
    configure_file(\"${PROJECT_SOURCE_DIR}/systemd/ashlar@.service.in\" \"${unit}\" @ONLY)")
install(FILES ${udev_rules} DESTINATION ${udev_directory}/rules.d)
install(FILES ${unit} DESTINATION ${units_directory})
install(FILES ${PROJECT_SOURCE_DIR}/udev/ashlar.modules-load.conf
    DESTINATION ${modules_load_directory} RENAME ashlar.conf)
