#include "core/delivery/session_options.h"

namespace mailpool::delivery {
namespace {

constexpr Duration rset_timeout = std::chrono::seconds(20);
constexpr Duration quit_timeout = std::chrono::seconds(5);

}  // namespace

smtp::SessionSettings session_options(SiteSettings const& settings) {
  smtp::SessionSettings s;
  s.implicit_tls = settings.tls_settings.wrapper;
  s.pipelining = settings.pipelining;
  s.chunking = settings.chunking;
  s.refuse_eight_bit = settings.eight_bit == EightBit::Refuse;
  s.one_flight_within = settings.one_flight_within;
  s.timeouts = {settings.greeting_timeout,
                settings.ehlo_timeout,
                settings.starttls_timeout,
                settings.auth_timeout,
                settings.mail_timeout,
                settings.rcpt_timeout,
                settings.data_timeout,
                settings.body_timeout,
                settings.end_of_data_timeout,
                rset_timeout,
                quit_timeout};
  return s;
}

}  // namespace mailpool::delivery
