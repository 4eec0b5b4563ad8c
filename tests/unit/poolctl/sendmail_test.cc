#include "poolctl/sendmail_check.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace mailpool;
using namespace mailpool::poolctl;
using control::Finding;

namespace {

/// What m4 makes of the feature and the mailer, as far as it is read.
constexpr char const* good =
    "O ConnectionCacheSize=1\n"
    "#O HostStatusDirectory=.hoststat\n"
    "O Timeout.datafinal=1h\n"
    "Qmqueue, P=/var/spool/mqueue, F=f, R=30, I=1m\n"
    "R$* < @$* > $*\t\t$#mailpool $@ $2 $: $1 < @ $2 > $3\tuser@host.domain\n"
    "Mlocal,\t\tP=/usr/sbin/sensible-mda, F=lsDFMAw5:/|@qSn9,\n"
    "\t\tA=sensible-mda $g $u $h ${client_addr}\n"
    "Mmailpool,\tP=[IPC], F=mDFMuXzk8W,\n"
    "\t\tS=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=0,\n"
    "\t\tT=DNS/RFC822/SMTP,\n"
    "\t\tA=FILE /run/mailpool/lmtp.sock\n";
constexpr HeldUp small{10, 10};

std::string with(std::string text, std::string_view what, std::string_view instead) {
  auto const at = text.find(what);
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, what << " stands in the text");
  return text.replace(at, what.size(), instead);
}

/// The only finding, as "level: text".
std::string finding(std::string const& cf, HeldUp const& one_domain = small) {
  std::string all;
  for (auto const& found : judge_sendmail(read_sendmail_cf(cf), one_domain)) {
    all += std::string(all.empty() ? "" : "\n") + name_of(found.level) + ": " + found.text;
    BOOST_TEST(!found.mend.empty());
  }
  return all;
}

bool says(std::string const& finding, std::string_view level, std::string_view words) {
  bool const is_one = finding.find('\n') == std::string::npos;
  return is_one && finding.starts_with(level) && finding.find(words) != std::string::npos;
}

struct Directory {
  Directory() : path((std::filesystem::temp_directory_path() / "mailpool-XXXXXX").string()) {
    BOOST_REQUIRE(::mkdtemp(path.data()) != nullptr);
    ::chmod(path.c_str(), 0755);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string socket(std::string const& name) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto const full = path + "/" + name;
    std::memcpy(address.sun_path, full.c_str(), full.size() + 1);
    int const fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    BOOST_REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
    return full;
  }
  std::string path;
};

/// What is said of the socket's own directory and of the socket; /tmp above is the machine's.
std::vector<std::string> mistakes(std::string const& socket, std::string const& directory) {
  std::vector<std::string> found;
  for (auto const& entry : judge_socket_for_sendmail(socket))
    if (entry.level == Finding::Level::Mistake && entry.text.find(directory) != std::string::npos)
      found.push_back(entry.text);
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sendmail)

BOOST_AUTO_TEST_CASE(what_the_feature_and_the_mailer_make_is_without_findings) {
  BOOST_TEST(finding(good) == "");
}

BOOST_AUTO_TEST_CASE(a_line_that_begins_with_a_blank_continues_the_one_above) {
  auto const config = read_sendmail_cf(good);
  BOOST_TEST(socket_of(config.mailers.at("mailpool")) == "/run/mailpool/lmtp.sock");
  BOOST_TEST(config.mailers.at("mailpool").at('T') == "DNS/RFC822/SMTP");
  BOOST_TEST(socket_of(config.mailers.at("local")) == "");
}

BOOST_AUTO_TEST_CASE(no_mailer_is_a_mistake) {
  BOOST_TEST(says(finding("O ConnectionCacheSize=1\n"), "mistake", "no mailer mailpool"));
}

BOOST_AUTO_TEST_CASE(a_mailer_that_speaks_to_no_unix_socket_is_a_mistake) {
  BOOST_TEST(says(finding(with(good, "A=FILE /run/mailpool/lmtp.sock", "A=TCP $h")), "mistake",
                  "does not speak to a Unix socket"));
}

BOOST_AUTO_TEST_CASE(a_mailer_without_lmtp_is_a_mistake) {
  BOOST_TEST(says(finding(with(good, "mDFMuXzk8W", "mDFMuXk8W")), "mistake", "flag z"));
}

BOOST_AUTO_TEST_CASE(a_mailer_of_one_recipient_at_a_time_is_a_warning) {
  BOOST_TEST(says(finding(with(good, "mDFMuXzk8W", "DFMuXzk8W")), "warning", "flag m"));
}

BOOST_AUTO_TEST_CASE(a_mailer_that_no_rule_names_is_a_note) {
  BOOST_TEST(says(finding(with(good, "$#mailpool", "$#esmtp")), "note", "mailertable"));
}

BOOST_AUTO_TEST_CASE(host_status_is_a_mistake_unless_the_mailer_ignores_it) {
  auto const remembers = with(good, "#O HostStatusDirectory", "O HostStatusDirectory");
  BOOST_TEST(finding(remembers) == "");
  BOOST_TEST(says(finding(with(remembers, "zk8W", "zk8")), "mistake", "HostStatusDirectory"));
}

BOOST_AUTO_TEST_CASE(single_thread_delivery_is_a_mistake) {
  BOOST_TEST(says(finding(std::string(good) + "O SingleThreadDelivery=True\n"), "mistake",
                  "SingleThreadDelivery"));
  BOOST_TEST(finding(std::string(good) + "O SingleThreadDelivery=False\n") == "");
}

BOOST_AUTO_TEST_CASE(no_connection_cache_is_a_warning) {
  BOOST_TEST(says(finding(with(good, "CacheSize=1", "CacheSize=0")), "warning", "is 0"));
}

BOOST_AUTO_TEST_CASE(as_many_runners_as_one_domain_can_hold_up_are_too_few) {
  BOOST_TEST(says(finding(good, {10, 20}), "warning", "runners: 30"));
  BOOST_TEST(finding(good, {10, 19}) == "");
  auto const unsaid = with(good, "R=30, ", "");
  BOOST_TEST(says(finding(unsaid), "warning", "runners: 1,"));
  BOOST_TEST(finding(unsaid + "O MaxRunnersPerQueue=30\n") == "");
}

BOOST_AUTO_TEST_CASE(runners_without_the_flag_f_are_a_warning) {
  BOOST_TEST(says(finding(with(good, "F=f, R=30", "R=30")), "warning", "flag f"));
}

BOOST_AUTO_TEST_CASE(a_queue_group_that_does_not_exist_is_a_mistake) {
  auto const grouped = with(good, "T=DNS/RFC822/SMTP,", "T=DNS/RFC822/SMTP, Q=bulk,");
  BOOST_TEST(finding(grouped).find("queue group bulk does not exist") != std::string::npos);
  BOOST_TEST(finding(grouped + "Qbulk, P=/var/spool/mqueue/bulk, F=f, R=30\n") == "");
}

BOOST_AUTO_TEST_CASE(a_short_timeout_of_the_final_reply_is_a_mistake) {
  BOOST_TEST(says(finding(with(good, "datafinal=1h", "datafinal=10m")), "mistake", "datafinal"));
  BOOST_TEST(finding(with(good, "datafinal=1h", "datafinal=15m")) == "");
  BOOST_TEST(finding(with(good, "O Timeout.datafinal=1h\n", "")) == "");
}

BOOST_AUTO_TEST_CASE(intervals_are_read_as_sendmail_writes_them) {
  BOOST_TEST(sendmail_seconds("1h").value() == 3600);
  BOOST_TEST(sendmail_seconds("1h30m").value() == 5400);
  BOOST_TEST(sendmail_seconds("10").value() == 600);
  BOOST_TEST(sendmail_seconds("2d").value() == 172800);
  for (auto const* wrong : {"", "h", "1x", "99999999999999999999h"})
    BOOST_TEST(!sendmail_seconds(wrong).has_value());
}

BOOST_AUTO_TEST_CASE(a_socket_is_judged_as_sendmail_sees_it) {
  Directory const around;
  auto const socket = around.socket("lmtp.sock");
  BOOST_TEST(mistakes(socket, around.path).empty());

  std::filesystem::create_symlink(socket, around.path + "/link");
  BOOST_TEST(mistakes(around.path + "/link", "/link").size() == 1U);
  std::ofstream(around.path + "/file") << "text";
  BOOST_TEST(mistakes(around.path + "/file", "/file").size() == 1U);
  BOOST_TEST(mistakes(around.path + "/none", "/none").size() == 1U);
  BOOST_TEST(mistakes("relative.sock", "relative.sock").size() == 1U);
  BOOST_TEST(mistakes("/" + std::string(200, 'x'), "xxx").size() == 1U);

  ::chmod(around.path.c_str(), 0775);
  BOOST_TEST(mistakes(socket, around.path + " can be written").size() == 1U);
  ::chmod(around.path.c_str(), 0755);
  std::filesystem::create_hard_link(socket, around.path + "/second");
  BOOST_TEST(mistakes(socket, "second name").size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
