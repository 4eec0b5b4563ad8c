// Prints what the table of options says: `confdoc sample` is conf/mailpool.toml, `confdoc manual`
// the list in mailpool.toml(5). tools/generate puts both where they belong.

#include <iostream>
#include <string_view>

#include "core/config/reference.h"

int main(int argc, char** argv) {
  std::string_view const wanted = argc == 2 ? argv[1] : "";
  if (wanted == "sample") {
    std::cout << mailpool::sample_file();
  } else if (wanted == "manual") {
    std::cout << mailpool::manual_options();
  } else {
    std::cerr << "usage: confdoc sample | manual\n";
    return 2;
  }
  return std::cout.flush() ? 0 : 1;
}
