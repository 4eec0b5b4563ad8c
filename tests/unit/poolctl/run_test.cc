#include "poolctl/run.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/base/text.h"
#include "core/control/json.h"
#include "core/control/request.h"
#include "fakes/control_actions.h"
#include "poolctl/command.h"
#include "poolctl/nagios.h"
#include "poolctl/service_state.h"
#include "unit/manager/scratch.h"
#include "unit/poolctl/samples.h"

using namespace mailpool;
using namespace mailpool::poolctl;

namespace {

struct Ended {
  int code = -1;
  std::string out;
  std::string err;
};

Ended poolctl_with(std::vector<std::string> const& arguments) {
  std::vector<char const*> argv{"poolctl"};
  for (auto const& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  int const code = poolctl::run(static_cast<int>(argv.size()), argv.data(), out, err);
  return {code, out.str(), err.str()};
}

// A manager for one question, on a socket of its own.
class Answering {
 public:
  explicit Answering(tests::FakeActions& actions, std::string raw_answer = {})
      : listener_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    BOOST_REQUIRE(::bind(listener_, reinterpret_cast<sockaddr const*>(&address), sizeof address) ==
                  0);
    BOOST_REQUIRE(::listen(listener_, 1) == 0);
    thread_ = std::thread([this, &actions, raw_answer] { answer(actions, raw_answer); });
  }
  ~Answering() {
    ::shutdown(listener_, SHUT_RDWR);  // wakes accept() where nobody came
    thread_.join();
    ::close(listener_);
  }
  Answering(Answering const&) = delete;
  Answering& operator=(Answering const&) = delete;

  tests::Scratch scratch;
  std::string path = scratch / "control.sock";
  std::string request;

 private:
  void answer(tests::FakeActions& actions, std::string line) {
    int const fd = ::accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    char c = 0;
    while (::read(fd, &c, 1) == 1 && c != '\n') request += c;
    auto const asked = control::parse_request(request).value();
    if (line.empty())
      line = asked.command == control::Command::Reload
                 ? control::answer_line(control::to_json(actions.report))
                 : control::perform(asked, actions, {});
    static_cast<void>(::send(fd, line.data(), line.size(), MSG_NOSIGNAL));
    ::close(fd);
  }

  int listener_;
  std::thread thread_;
};

// Runs poolctl against a manager that does as `actions` say.
Ended ask(tests::FakeActions& actions, std::vector<std::string> arguments,
          std::string raw_answer = {}) {
  Answering manager(actions, std::move(raw_answer));
  arguments.insert(arguments.begin(), {"--socket", manager.path});
  return poolctl_with(arguments);
}

std::string file(std::string const& name) {
  std::ifstream stream(MAILPOOL_SOURCE_DIR "/" + name);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(poolctl_run)

BOOST_AUTO_TEST_CASE(done_is_exit_0) {
  tests::FakeActions actions;
  actions.manager = tests::busy_manager();
  auto const status = ask(actions, {"status"});
  BOOST_TEST(status.code == Exit::Done);
  BOOST_TEST(status.out.find("mail flows: 120 delivered") == 0U);
  BOOST_TEST(status.err.empty());
  auto const json = ask(actions, {"--json", "status"});
  BOOST_TEST(control::from_json<control::ManagerStatus>(json.out)->sites.size() == 4U);
  BOOST_TEST(ask(actions, {"status", "--json"}).out == json.out,
             "--json may stand behind the command");
  auto const held = ask(actions, {"suspend", "google", "--for", "2h", "--reason", "they asked"});
  BOOST_TEST(held.code == Exit::Done);
  BOOST_TEST(held.out == "did suspend site google 2h they asked\n");
  BOOST_TEST(ask(actions, {"resume", "--domain", "example.org"}).out ==
             "did resume domain example.org\n");
  for (auto const& arguments :
       std::vector<std::vector<std::string>>{{"resume", "--total"},
                                             {"resume", "--source", "west"},
                                             {"resume", "--sender-domain", "example.org"},
                                             {"resume", "google", "--source", "west"}})
    BOOST_TEST(ask(actions, arguments).code == Exit::Done, arguments[1]);
  BOOST_TEST(ask(actions, {"connections", "google"}).code == Exit::Done);
  BOOST_TEST(ask(actions, {"status", "google"}).out.find("site google") == 0U);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_exit_1_in_the_managers_words) {
  tests::FakeActions actions;
  actions.refusal = "there is no site \"gogle\"; did you mean \"google\"?";
  auto const text = ask(actions, {"flush", "gogle"});
  BOOST_TEST(text.code == Exit::Refused);
  BOOST_TEST(text.out.empty());
  BOOST_TEST(text.err == "poolctl: " + *actions.refusal + "\n");
  auto const json = ask(actions, {"--json", "flush", "gogle"});
  BOOST_TEST(json.code == Exit::Refused);
  BOOST_TEST(json.out.find("\"error\": \"there is no site") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_reload_with_mistakes_is_exit_1) {
  tests::FakeActions actions;
  actions.report = {false, {"mailpool.toml:2: what"}, {}, {}};
  auto const text = ask(actions, {"reload"});
  BOOST_TEST(text.code == Exit::Refused);
  BOOST_TEST(text.out.find("mailpool.toml:2: what") == 0U);
  BOOST_TEST(ask(actions, {"--json", "reload"}).code == Exit::Refused);
  actions.report = {true, {}, {}, {}};
  BOOST_TEST(ask(actions, {"reload"}).code == Exit::Done);
}

BOOST_AUTO_TEST_CASE(check_is_exit_1_with_a_mistake_and_0_with_a_warning) {
  using control::Finding;
  tests::FakeActions actions;
  actions.findings = {{Finding::Level::Warning, "dns", "off", ""}};
  BOOST_TEST(ask(actions, {"check"}).code == Exit::Done);
  actions.findings.push_back({Finding::Level::Mistake, "map", "gone", ""});
  auto const text = ask(actions, {"check"});
  BOOST_TEST(text.code == Exit::Refused);
  BOOST_TEST(text.out.find("map: gone") != std::string::npos);
  auto const json = ask(actions, {"--json", "check"});
  BOOST_TEST(json.code == Exit::Refused);
  BOOST_TEST(control::from_json<std::vector<Finding>>(json.out)->size() >= 3U);
}

BOOST_AUTO_TEST_CASE(a_manager_that_does_not_answer_is_exit_69) {
  tests::Scratch scratch;
  auto const nothing = scratch / "nothing.sock";
  auto const text = poolctl_with({"--socket", nothing, "status"});
  BOOST_TEST(text.code == Exit::Away);
  BOOST_TEST(text.err.find("nothing.sock: mailpoold does not answer") != std::string::npos);
  BOOST_TEST(poolctl_with({"--socket", nothing, "--json", "status"}).out.find("\"error\"") !=
             std::string::npos);
  auto const check = poolctl_with({"--socket", nothing, "check"});
  BOOST_TEST(check.code == Exit::Away);
  BOOST_TEST(check.out.find("systemctl start mailpool") != std::string::npos);
  tests::FakeActions actions;
  BOOST_TEST(ask(actions, {"status"}, "220 mail.example.com ESMTP\r\n").code == Exit::Away);
  BOOST_TEST(ask(actions, {"status"}, "{").code == Exit::Away, "it hung up within the answer");
  BOOST_TEST(poolctl_with({"--socket", "/" + std::string(200, 'x'), "status"}).code == Exit::Away);
}

BOOST_AUTO_TEST_CASE(wrong_usage_is_exit_2_and_asks_nobody) {
  std::vector<std::vector<std::string>> const wrong{
      {},
      {"frobnicate"},
      {"suspend"},
      {"suspend", "google"},
      {"suspend", "google", "--for", "1h"},
      {"suspend", "google", "--for", "soon", "--reason", "x"},
      {"suspend", "google", "--for", "500ms", "--reason", "x"},
      {"suspend", "google", "--for", "366d", "--reason", "x"},
      {"suspend", "google", "--for", "1h", "--reason", " "},
      {"suspend", "google", "--domain", "x", "--for", "1h", "--reason", "x"},
      {"suspend", "--for", "1h", "--reason", "x"},
      {"resume"},
      {"resume", "google", "--total"},
      {"resume", "--total", "--source", "west"},
      {"resume", "--source", "west", "--sender-domain", "example.org"},
      {"flush"},
      {"explain"},
      {"drain", "google"},
      {"status", "a", "b"},
      {"status", "--rows", "0"},
      {"status", "--watch", "0"},
      {"status", "--colour-me"}};
  for (auto const& arguments : wrong) {
    auto const ended = poolctl_with(arguments);
    BOOST_TEST(ended.code == Exit::Usage, (arguments.empty() ? "(nothing)" : arguments[0])
                                              << ended.err);
    BOOST_TEST(!ended.err.empty());
    BOOST_TEST(ended.out.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_command_that_does_not_exist_is_named_with_the_nearest_one) {
  auto const said = [](std::vector<std::string> const& arguments) {
    auto const ended = poolctl_with(arguments);
    BOOST_TEST(ended.code == Exit::Usage);
    BOOST_TEST(ended.out.empty());
    return ended.err.substr(0, ended.err.find('\n'));
  };
  BOOST_TEST(said({"top"}) == "poolctl: there is no command \"top\"");
  BOOST_TEST(said({"statsu"}) == "poolctl: there is no command \"statsu\"; did you mean status?");
  BOOST_TEST(said({"--json", "explian", "u@example.org"}) ==
             "poolctl: there is no command \"explian\"; did you mean explain?");
  BOOST_TEST(said({"postfix", "stauts"}) ==
             "poolctl: there is no command \"postfix stauts\"; did you mean status?");
  BOOST_TEST(said({}) == "A subcommand is required");
  BOOST_TEST(said({"postfix"}) == "A subcommand is required");
  BOOST_TEST(said({"resume"}) == "SITE, --domain D, --tenant T, --campaign C or --all is required");
}

BOOST_AUTO_TEST_CASE(every_command_has_help_that_fits_eighty_columns) {
  auto arguments_of = [](CommandRow const& row) {
    std::vector<std::string> arguments;
    for (auto word : split(row.words, ' ')) arguments.emplace_back(word);
    return arguments;
  };
  auto top = poolctl_with({"--help"});
  BOOST_TEST(top.code == Exit::Done);
  for (auto const& row : all_commands()) {
    BOOST_TEST(columns_of(row.help) <= 52U, row.words);
    auto arguments = arguments_of(row);
    BOOST_TEST(top.out.find(arguments[0]) != std::string::npos);
    arguments.emplace_back("--help");
    auto const help = poolctl_with(arguments);
    BOOST_TEST(help.code == Exit::Done, row.words);
    BOOST_TEST(help.out.find(row.help) == 0U, help.out);
    for (auto const& option : row.options)
      BOOST_TEST(help.out.find(option) != std::string::npos, option);
    for (auto line : split(help.out, '\n')) BOOST_TEST(columns_of(line) <= 100U, line);
  }
  for (auto line : split(top.out, '\n')) BOOST_TEST(columns_of(line) <= 80U, line);
}

BOOST_AUTO_TEST_CASE(every_command_of_the_protocol_is_a_command_of_poolctl) {
  auto const rows = all_commands();
  for (auto const& known : control::commands())
    BOOST_TEST(std::any_of(rows.begin(), rows.end(),
                           [&](auto const& row) { return row.words == known.word; }),
               known.word);
}

// Where this fails: build/dev/tools/poolctl/poolctl completion > tools/poolctl/poolctl.bash
BOOST_AUTO_TEST_CASE(the_completion_is_the_one_that_the_table_makes) {
  BOOST_TEST(file("tools/poolctl/poolctl.bash") == bash_completion(all_commands()));
}

BOOST_AUTO_TEST_CASE(the_man_page_has_a_paragraph_for_each_command_with_its_help_and_options) {
  auto const page = file("tools/poolctl/poolctl.1");
  auto const from = page.find(".SH COMMANDS\n");
  auto const commands = page.substr(from, page.find(".SH", from + 4) - from);
  std::size_t paragraphs = 0;
  for (auto at = commands.find(".TP\n"); at != std::string::npos;
       at = commands.find(".TP\n", at + 1))
    ++paragraphs;
  BOOST_TEST(paragraphs == all_commands().size());
  for (auto const& row : all_commands()) {
    auto const start = commands.find(".TP\n.B " + row.words);
    BOOST_REQUIRE_MESSAGE(start != std::string::npos, row.words);
    auto paragraph = commands.substr(start, commands.find(".TP\n", start + 4) - start);
    for (auto at = paragraph.find("\\-"); at != std::string::npos; at = paragraph.find("\\-"))
      paragraph.erase(at, 1);
    BOOST_TEST(paragraph.find(row.help) != std::string::npos, row.words << ": " << row.help);
    for (auto const& option : row.options)
      BOOST_TEST(paragraph.find(option) != std::string::npos, option);
    for (auto word : split(row.arguments, ' '))
      BOOST_TEST(paragraph.find(word) != std::string::npos, row.words << ": " << word);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(poolctl_check)

BOOST_AUTO_TEST_CASE(a_socket_that_others_could_take_over_is_a_mistake) {
  using Level = control::Finding::Level;
  tests::FakeActions actions;
  tests::Scratch scratch;
  auto const file_path = scratch / "file";
  std::ofstream(file_path) << "x";
  BOOST_TEST((check_socket(file_path)[0].level == Level::Mistake));
  Answering manager(actions);
  BOOST_REQUIRE(::chmod(manager.path.c_str(), 0660) == 0);
  BOOST_TEST((check_socket(manager.path)[0].level == Level::Good));
  BOOST_REQUIRE(::chmod(manager.path.c_str(), 0666) == 0);
  auto const open = check_socket(manager.path);
  BOOST_TEST((open[0].level == Level::Warning));
  BOOST_TEST(open[0].mend == "chmod 0660 " + manager.path);
  BOOST_REQUIRE(::chmod((manager.scratch / "").c_str(), 0777) == 0);
  BOOST_TEST((check_socket(manager.path).back().level == Level::Mistake));
}

BOOST_AUTO_TEST_CASE(what_systemd_says_of_the_service_is_understood) {
  auto const looping = parse_service(
      "ActiveState=activating\nSubState=auto-restart\nExecMainStatus=78\nNRestarts=12\n"
      "StateChangeTimestamp=Sat 2026-11-21 10:00:00 UTC\nOther=x\n");
  BOOST_TEST(looping.is_known());
  BOOST_TEST(!looping.runs());
  BOOST_TEST(looping.exit_code == "78");
  BOOST_TEST(looping.restarts == "12");
  BOOST_TEST(looping.since == "Sat 2026-11-21 10:00:00 UTC");
  BOOST_TEST(parse_service("ActiveState=active\nSubState=running\n").runs());
  BOOST_TEST(parse_service("ActiveState=reloading\n").runs());
  BOOST_TEST(!parse_service("garbage").is_known());
}

BOOST_AUTO_TEST_CASE(nagios_gets_a_line_with_figures_and_its_own_exit_codes) {
  using Level = control::Finding::Level;
  control::Finding const good{Level::Good, "socket", "fine", ""};
  control::Finding const note{Level::Note, "manager", "was full once", ""};
  control::Finding const warning{Level::Warning, "delivery", "site a|b fails", "look"};
  control::Finding const mistake{Level::Mistake, "manager", "no answer", "start it"};
  auto const well = nagios_answer({good, note});
  BOOST_TEST(well.exit_code == 0);
  BOOST_TEST(well.text == "MAILPOOL OK - nothing to mend | mistakes=0 warnings=0\n");
  auto const warned = nagios_answer({good, warning});
  BOOST_TEST(warned.exit_code == 1);
  BOOST_TEST(warned.text ==
             "MAILPOOL WARNING - 0 mistakes, 1 warning: site a/b fails | mistakes=0 warnings=1\n"
             "warning: delivery: site a/b fails; mend: look\n");
  auto const critical = nagios_answer({warning, mistake});
  BOOST_TEST(critical.exit_code == 2);
  BOOST_TEST(critical.text.find("MAILPOOL CRITICAL - 1 mistake, 1 warning: no answer |") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
