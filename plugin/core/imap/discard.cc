#include "core/imap/discard.h"

namespace mailpool::imap {

std::string_view name_of(Discard reason) {
  static constexpr std::array<std::string_view, discards> names{"none",
                                                                "taint_enable",
                                                                "taint_condstore",
                                                                "taint_notify",
                                                                "taint_other",
                                                                "desync",
                                                                "open_literal",
                                                                "reset_timeout",
                                                                "reset_max_bytes",
                                                                "reset_refused",
                                                                "check_failed",
                                                                "bye",
                                                                "eof",
                                                                "tls",
                                                                "parse",
                                                                "max_lifetime",
                                                                "max_uses",
                                                                "idle_timeout",
                                                                "max_loan_time",
                                                                "answer_timeout",
                                                                "over_size",
                                                                "reload",
                                                                "cred_changed",
                                                                "turned_over",
                                                                "descriptors",
                                                                "reauth",
                                                                "flush",
                                                                "drain",
                                                                "killed"};
  return names[static_cast<std::size_t>(reason)];
}

}  // namespace mailpool::imap
