// SPDX-License-Identifier: MIT
// ashlar_agree: the same calls for the twin and for real kernels, and what differs. See usage().
#include "enumerated.hpp"
#include "random_sequences.hpp"
#include "record.hpp"
#include "score.hpp"
#include "system.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <fnmatch.h>
#include <fstream>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace agree;

int usage(int status) {
    fmt::print(
        stderr,
        "ashlar_agree: the same calls for the twin and for real kernels\n\n"
        "  ashlar_agree run --system linux|twin:VERSION [--out FILE] [--only PATTERN]\n"
        "      [--brief] [--random SEED --count CALLS] [--patience N] [--calm] [--cpus N]\n"
        "  ashlar_agree compare --explained FILE REAL TWIN\n"
        "  ashlar_agree table --explained FILE FILE...\n"
        "  ashlar_agree score REAL...\n"
        "  ashlar_agree list\n\n"
        "run: the enumerated sequences (--brief: one for each rule and outcome), or random\n"
        "ones from a seed, until they have made that many calls. It goes on where FILE ends.\n"
        "Linux: as root, with ublk_drv loaded; --calm in a guest where nothing else passes time.\n"
        "The twin has N processors (2).\n"
        "Exit status: 0 done, or nothing differs without a known reason; 1 something does;\n"
        "2 wrong use; 99 run: a sequence left something behind, the rest wants a new boot.\n");
    return status;
}

struct options {
    std::string system = "linux", out = {}, only = "*", explained = {};
    bool random = false, brief = false;
    std::uint64_t seed = 1, count = 1000;
    pace at;
    unsigned cpus = 2;  // as in the lab

    std::vector<std::string> files;
};

options read_options(int count, char** words) {
    options o;
    for (int i = 2; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--brief" || word == "--calm") {
            (word == "--calm" ? o.at.calm : o.brief) = true;
            continue;
        }
        if (!word.starts_with("--")) {
            o.files.push_back(word);
            continue;
        }
        if (i + 1 == count) throw std::invalid_argument(word);
        const std::string value = words[++i];
        if (word == "--system") o.system = value;
        else if (word == "--out") o.out = value;
        else if (word == "--only") o.only = value;
        else if (word == "--explained") o.explained = value;
        else if (word == "--random") o.random = true, o.seed = std::stoull(value);
        else if (word == "--count") o.count = std::stoull(value);
        else if (word == "--cpus") o.cpus = static_cast<unsigned>(std::stoul(value));
        else if (word == "--patience") o.at.patience = static_cast<unsigned>(std::stoul(value));
        else throw std::invalid_argument(word);
    }
    return o;
}

// Whether it meets a rule, with an outcome, that none before it has met.
bool meets_anew(const sequence& s, unsigned version, std::set<std::string>& met) {
    bool anew = false;
    for (const step& one : s.steps) {
        for (const expectation& e : one.expected) {
            if (version < e.since || version >= e.until) continue;
            anew |= met.insert(e.rule + " " + e.outcome).second;
        }
    }
    return anew;
}

// All that are asked for, in order: those of a seed are the same for every system of a version.
template <class F>
void for_each_sequence(const options& o, unsigned version, const F& run_one) {
    std::set<std::string> met;
    if (!o.random) {
        for (const sequence& s : enumerated_sequences()) {
            if (version < s.since || version >= s.until) continue;
            if (o.system == "linux" && !s.wedges.empty()) continue;
            if (o.brief && !meets_anew(s, version, met)) continue;
            if (!run_one(s)) return;
        }
        return;
    }
    std::uint64_t calls = 0;
    for (std::uint64_t number = 0; calls < o.count; ++number) {
        const sequence s = random_sequence(o.seed, number, version);
        calls += s.steps.size();
        if (!run_one(s)) return;
    }
}

int run_all(const options& o) {
    const bool real = o.system == "linux";
    if (!real && !o.system.starts_with("twin:")) return usage(2);
    const std::string twin = real ? "" : o.system.substr(5);
    const std::string name = real ? "linux " + linux_name() : "twin " + twin;
    const unsigned version = version_of(name);
    const records before = read_records(o.out);
    std::ofstream file;
    if (!o.out.empty()) file.open(o.out, std::ios::app);
    std::ostream& out = o.out.empty() ? std::cout : file;
    if (before.system.empty()) out << "# " << name << "\n";
    int status = 0;
    for_each_sequence(o, version, [&](const sequence& s) {
        if (fnmatch(o.only.c_str(), s.id.c_str(), FNM_EXTMATCH) != 0) return true;
        if (const auto done = before.of.find(s.id); done != before.of.end()) {
            // The system did not live to tell.
            if (!done->second.complete()) out << "sequence " << s.id << "\nend of the system\n";
            return true;
        }
        out << "sequence " << s.id << "\n" << std::flush;
        const std::string record = real ? run_on_linux(s, o.at) : run_on_twin(s, twin, o.cpus);
        out << record.substr(record.find('\n') + 1) << std::flush;
        if (real && !record.ends_with("end clean\n")) status = 99;
        return status == 0;
    });
    return status;
}

}  // namespace

int main(int count, char** words) {
    const std::string verb = count > 1 ? words[1] : "";
    try {
        const options o = read_options(count, words);
        if (verb == "run" && o.files.empty()) return run_all(o);
        if (verb == "compare" && o.files.size() == 2) {
            return compare(read_records(o.files[0]), read_records(o.files[1]), o.explained);
        }
        if (verb == "table" && !o.files.empty()) {
            std::vector<records> reals, twins;
            for (const std::string& path : o.files) {
                records r = read_records(path);
                (r.system.starts_with("twin") ? twins : reals).push_back(std::move(r));
            }
            fmt::print("{}", table_of(reals, twins, o.explained));
            return 0;
        }
        if (verb == "score" && !o.files.empty()) {
            std::vector<records> reals;
            for (const std::string& path : o.files) reals.push_back(read_records(path));
            return score(reals);
        }
        if (verb == "list") {
            for (const sequence& s : enumerated_sequences()) fmt::print("{}\n", s.id);
            return 0;
        }
        return usage(verb == "--help" || verb == "help" ? 0 : 2);
    } catch (const std::logic_error& wrong) {
        fmt::print(stderr, "ashlar_agree: {}\n", wrong.what());
        return 2;
    }
}
