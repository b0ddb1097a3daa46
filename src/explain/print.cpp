// SPDX-License-Identifier: MIT
#include "explain/print.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace ashlar::explain {

namespace {

constexpr std::string_view bold = "\033[1m", red = "\033[31m", green = "\033[32m",
                           yellow = "\033[33m", faint = "\033[2m", plain = "\033[0m";
constexpr std::size_t lines_shown = 6, verdicts_shown = 5;

class printer {
public:
    printer(const explanation& e, const style& how) : e_(e), how_(how) {}

    std::string print() {
        out_ += fmt::format("Judged for Linux {} ({}).\n", e_.kernel, e_.kernel_from);
        for (const finding& f : e_.findings) print(f);
        if (e_.findings.empty()) out_ += "\nCan't tell: nothing of ublk was recognised.\n";
        if (!e_.not_understood.empty()) {
            out_ += fmt::format("\n{}\n", coloured(bold, "Not understood"));
            for (const unread& u : e_.not_understood) {
                block(fmt::format("  line {}: ", u.line), trimmed(u.text), 4);
            }
        }
        return std::move(out_);
    }

private:
    const explanation& e_;
    const style& how_;
    std::string out_;

    [[nodiscard]] std::string coloured(std::string_view with, std::string_view text) const {
        return how_.colour ? fmt::format("{}{}{}", with, text, plain) : std::string(text);
    }

    static std::string_view trimmed(std::string_view s) {
        while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
        return s;
    }

    // A paragraph behind a label, wrapped.
    void block(const std::string& label, std::string_view text, std::size_t indent,
               std::string_view colour = {}) {
        out_ += colour.empty() ? label : coloured(colour, label);
        std::size_t column = label.size();
        bool first = true;
        while (!text.empty()) {
            const auto end = std::min(text.find(' '), text.size());
            const std::string_view word = text.substr(0, end);
            if (!first && column + 1 + word.size() > how_.width) {
                out_ += "\n" + std::string(indent, ' ');
                column = indent;
                first = true;
            }
            if (!first) {
                out_ += ' ';
                ++column;
            }
            append_printable(word);
            column += word.size();
            first = false;
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        out_ += '\n';
    }

    // What comes from a text of others must not reach the terminal as control characters.
    void append_printable(std::string_view word) {
        for (char c : word) {
            const auto u = static_cast<unsigned char>(c);
            out_ += u < 0x20 || u == 0x7f ? '?' : c;
        }
    }

    [[nodiscard]] std::string places(const finding& f) const {
        if (f.lines.empty() || e_.lines <= 1) return {};
        std::string text = f.lines.size() == 1 ? "line " : "lines ";
        const std::size_t shown = how_.all ? f.lines.size() : std::min(f.lines.size(), lines_shown);
        text += fmt::format(
            "{}",
            fmt::join(f.lines.begin(), f.lines.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
        if (shown < f.lines.size()) text += fmt::format(" and {} more", f.lines.size() - shown);
        return fmt::format("  ({})", text);
    }

    void print(const finding& f) {
        out_ += fmt::format("\n{}{}\n", coloured(bold, f.title), coloured(faint, places(f)));
        std::size_t widest = 0;
        for (const field& one : f.fields) {
            if (how_.all || !one.plain) widest = std::max(widest, one.name.size());
        }
        for (const field& one : f.fields) {
            if (one.plain && !how_.all) continue;
            const std::string place =
                f.what == finding::kind::bytes ? fmt::format("{:>3}  ", one.offset) : "";
            out_ += fmt::format("  {}{:<{}}  {}\n", coloured(faint, place), one.name, widest,
                                one.value);
        }
        const bool certain = !f.verdicts.empty() && f.verdicts.front().sure == certainty::certain;
        std::size_t shown = 0;
        bool behind = false;
        std::string others;
        for (const verdict& v : f.verdicts) {
            if (!how_.all && shown == verdicts_shown) break;
            if (!how_.all && certain && shown > 0 && !v.behind) {
                others += (others.empty() ? "" : ", ") + v.id;
                continue;
            }
            if (v.behind && !behind) {
                out_ += fmt::format("  {}\n", coloured(faint, "and behind it:"));
                behind = true;
            }
            print(v);
            ++shown;
        }
        if (!others.empty()) {
            block("  less likely: ", fmt::format("{} (--all)", others), 4, faint);
        }
        if (!how_.all && !certain && f.verdicts.size() > shown) {
            out_ += fmt::format("  … and {} less likely ones (--all)\n", f.verdicts.size() - shown);
        }
        if (f.what == finding::kind::bytes && f.judged && f.verdicts.empty()) {
            out_ +=
                fmt::format("  {}\n", coloured(green, "Breaks no rule that bytes alone can show."));
        }
        for (const std::string& note : f.notes) block("  note: ", note, 8, faint);
    }

    void print(const verdict& v) {
        const std::string_view colour = v.sure == certainty::certain  ? red
                                        : v.sure == certainty::likely ? yellow
                                                                      : faint;
        const std::string effect = effect_text(v);
        const std::string label =
            fmt::format("  {} ({}{}{}): ", v.id, name(v.sure), effect.empty() ? "" : ", ", effect);
        block(label, v.means, 6, colour);
        if (!v.value.empty()) block("      here: ", v.value, 12);
        if (!v.mend.empty()) block("      do:   ", v.mend, 12);
        if (!v.look.empty() && v.sure != certainty::certain) block("      look: ", v.look, 12);
    }
};

}  // namespace

std::string to_text(const explanation& e, const style& how) { return printer(e, how).print(); }

}  // namespace ashlar::explain
