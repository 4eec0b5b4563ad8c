# Where things go: the layout of Debian's packages, which packaging/debian takes apart.

set(MAILPOOL_UNIT_DIR /lib/systemd/system CACHE STRING "systemd's directory of units")
set(MAILPOOL_POSTFIX_DIR lib/postfix CACHE STRING "Postfix's shlib_directory, below the prefix")

function(mailpool_install_program target directory)
  if(TARGET ${target})
    install(TARGETS ${target} RUNTIME DESTINATION ${directory})
  endif()
endfunction()
mailpool_install_program(mailpoold sbin)
mailpool_install_program(mailpool-milter sbin)
# poolctl installs itself, its manual and its completion: tools/poolctl/CMakeLists.txt.
install(TARGETS postfix_mailpool LIBRARY DESTINATION ${MAILPOOL_POSTFIX_DIR})
install(FILES packaging/postfix/mailpool.cf DESTINATION /etc/postfix/dynamicmaps.cf.d)

install(FILES conf/mailpool.toml conf/providers.toml DESTINATION /etc/mailpool)
install(FILES conf/replies.toml conf/events.schema.json DESTINATION share/mailpool)
install(FILES conf/conf.d/README DESTINATION /etc/mailpool/conf.d)
install(FILES conf/mailpool.reference.toml DESTINATION share/doc/mailpool)
# Where Debian's Sendmail looks for FEATURE() and MAILER().
install(FILES conf/sendmail/feature/mailpool.m4 DESTINATION share/sendmail/cf/feature)
install(FILES conf/sendmail/mailer/mailpool.m4 DESTINATION share/sendmail/cf/mailer)

install(FILES packaging/systemd/mailpool.service packaging/systemd/mailpool.socket
  packaging/systemd/mailpool-control.socket packaging/systemd/mailpool-milter.service DESTINATION ${MAILPOOL_UNIT_DIR})
install(FILES packaging/systemd/postfix-mailpool.conf DESTINATION ${MAILPOOL_UNIT_DIR}/mailpool.socket.d)
install(FILES packaging/systemd/mailpool-postfix.conf DESTINATION ${MAILPOOL_UNIT_DIR}/mailpool.service.d)
install(FILES packaging/systemd/mailpool-milter.conf DESTINATION ${MAILPOOL_UNIT_DIR}/mailpool.service.d)
install(FILES packaging/sysusers.d/mailpool.conf packaging/sysusers.d/mailpool-milter.conf DESTINATION lib/sysusers.d)
install(FILES packaging/tmpfiles.d/mailpool.conf packaging/tmpfiles.d/postfix-mailpool.conf DESTINATION lib/tmpfiles.d)
install(FILES packaging/apparmor/usr.sbin.mailpoold DESTINATION /etc/apparmor.d)

file(GLOB_RECURSE manuals CONFIGURE_DEPENDS plugin/*.[158] conf/*.[1578])
foreach(manual ${manuals})
  string(REGEX MATCH "[1578]$" section ${manual})
  install(FILES ${manual} DESTINATION share/man/man${section})
endforeach()
