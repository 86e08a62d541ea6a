"""Arithmetic, logic, moves, shifts, bits, decimal adjustment (SDM vol. 2)."""
from generate.form import (DESTINATION, OPERAND, SIZE, SOURCE, WIDE, WIDTHS, Form, at_operand, base_case,
                           fault_cases, mask, memory, modes_for, pairs)

FOLDER = "integer"
HIGH_BYTE = {8: 8}


def value_for(register, value):
    """Assignment of a value to a register by its full name."""
    full = {"dl": "rdx", "dx": "rdx", "edx": "rdx", "rdx": "rdx", "ch": "rcx", "si": "rsi", "esi": "rsi",
            "rsi": "rsi", "al": "rax", "ax": "rax", "eax": "rax", "rax": "rax"}[register]
    return f"{full}={value << 8 if register == 'ch' else value:#x}"


def with_carry(mnemonic, cases):
    if mnemonic not in ("adc", "sbb", "rcl", "rcr"):
        return cases
    return cases + [case + " flags=cf" for case in cases[:4]]


def binary_forms():
    for mnemonic in ("add", "or", "adc", "sbb", "and", "sub", "xor", "cmp", "test"):
        undefined = "af" if mnemonic in ("or", "and", "xor", "test") else ""
        writes = mnemonic not in ("cmp", "test")

        def one(name, code, cases, bits, upper=mnemonic.upper(), low=mnemonic, undefined=undefined):
            return Form(FOLDER, f"{low}_{name}", f"{upper} {name.replace('_', ', ')}", f"{low} {code}",
                        with_carry(low, cases), modes_for(bits), undefined)

        for bits in WIDTHS:
            d, s = DESTINATION[bits], SOURCE[bits]
            both = [f"{value_for(d, a)} {value_for(s, b)}" for a, b in pairs(bits)]
            yield one(f"r{bits}_r{bits}", f"{d}, {s}", both, bits)
            stored = [base_case(f"{at_operand(a, bits)} {value_for(s, b)}") for a, b in pairs(bits)[:4]]
            yield one(f"m{bits}_r{bits}", f"{memory(bits)}, {s}", stored + fault_cases(writes), bits)
            if writes and mnemonic not in ("cmp", "test"):
                yield Form(FOLDER, f"lock_{mnemonic}_m{bits}_r{bits}", f"LOCK {mnemonic.upper()} m{bits}, r{bits}",
                           f"lock {mnemonic} {memory(bits)}, {s}", stored[:2] + fault_cases(True), modes_for(bits),
                           undefined)
            if mnemonic != "test":
                loaded = [base_case(f"{value_for(d, a)} {at_operand(b, bits)}") for a, b in pairs(bits)[:4]]
                yield one(f"r{bits}_m{bits}", f"{d}, {memory(bits)}", loaded + fault_cases(False), bits)
            size = min(bits, 32)
            immediate = 0x5A if bits == 8 else 0x7FFE if bits == 16 else 0x7FFF1234
            only = [value_for(d, a) for a, _ in pairs(bits)]
            yield one(f"r{bits}_imm{size}", f"{d}, {immediate:#x}", only, bits)
            accumulator = {8: "al", 16: "ax", 32: "eax", 64: "rax"}[bits]
            yield one(f"a{bits}_imm{size}", f"{accumulator}, {immediate:#x}",
                      [value_for(accumulator, a) for a, _ in pairs(bits)[:3]], bits)
            stored = [base_case(at_operand(a, bits)) for a, _ in pairs(bits)[:3]]
            yield one(f"m{bits}_imm{size}", f"{memory(bits)}, {immediate:#x}", stored + fault_cases(writes), bits)
            if bits > 8 and mnemonic != "test":
                yield one(f"r{bits}_imm8", f"{d}, byte -2", only, bits)
                yield one(f"m{bits}_imm8", f"{memory(bits)}, byte -2", stored, bits)


def unary_forms():
    for mnemonic in ("inc", "dec", "neg", "not"):
        for bits in WIDTHS:
            values = [0, 1, mask(bits), 1 << (bits - 1), (1 << (bits - 1)) - 1, 0x10, 0x0F]
            register = DESTINATION[bits]
            cases = [value_for(register, value) for value in values]
            title = mnemonic.upper()
            yield Form(FOLDER, f"{mnemonic}_r{bits}", f"{title} r{bits}", f"{mnemonic} {register}",
                       cases + [cases[2] + " flags=cf"], modes_for(bits))
            stored = [base_case(at_operand(value, bits)) for value in values[:4]]
            yield Form(FOLDER, f"{mnemonic}_m{bits}", f"{title} m{bits}", f"{mnemonic} {memory(bits)}",
                       stored + fault_cases(True), modes_for(bits))
            yield Form(FOLDER, f"lock_{mnemonic}_m{bits}", f"LOCK {title} m{bits}",
                       f"lock {mnemonic} {memory(bits)}", stored[:2], modes_for(bits))


def multiply_forms():
    for mnemonic in ("mul", "imul"):
        for bits in WIDTHS:
            cases = [f"rax={a:#x} {value_for(SOURCE[bits], b)} rdx=0x77" for a, b in
                     pairs(bits) + [(mask(bits), mask(bits))]]
            undefined = "sf zf af pf"
            yield Form(FOLDER, f"{mnemonic}_r{bits}", f"{mnemonic.upper()} r{bits}", f"{mnemonic} {SOURCE[bits]}",
                       cases, modes_for(bits), undefined)
            stored = [base_case(f"rax={a:#x} {at_operand(b, bits)}") for a, b in pairs(bits)[:4]]
            yield Form(FOLDER, f"{mnemonic}_m{bits}", f"{mnemonic.upper()} m{bits}", f"{mnemonic} {memory(bits)}",
                       stored + fault_cases(False), modes_for(bits), undefined)
    for bits in WIDE:
        d, s = DESTINATION[bits], SOURCE[bits]
        size = min(bits, 32)
        both = [f"{value_for(d, a)} {value_for(s, b)}" for a, b in pairs(bits)]
        loaded = [base_case(f"{value_for(d, a)} {at_operand(b, bits)}") for a, b in pairs(bits)[:4]]
        for name, code, cases in (
                (f"r{bits}_r{bits}", f"{d}, {s}", both),
                (f"r{bits}_m{bits}", f"{d}, {memory(bits)}", loaded + fault_cases(False)),
                (f"r{bits}_r{bits}_imm8", f"{d}, {s}, byte -3", both),
                (f"r{bits}_r{bits}_imm{size}", f"{d}, {s}, 0x1234", both),
                (f"r{bits}_m{bits}_imm8", f"{d}, {memory(bits)}, byte 5", loaded)):
            yield Form(FOLDER, f"imul_{name}", f"IMUL {name.replace('_', ', ')}", f"imul {code}", cases,
                       modes_for(bits), "sf zf af pf")


def divide_forms():
    for mnemonic in ("div", "idiv"):
        for bits in WIDTHS:
            top = 1 << (bits - 1)
            dividends = [(0, 100, 7), (0, mask(bits), 2), (1, 0, 3), (0, 5, 0), (7, 0, 7),
                         (mask(bits), mask(bits) - 99, 7), (mask(bits), top, mask(bits)), (mask(bits), top, 1)]
            cases = []
            for high, low, divisor in dividends:
                if bits == 8:
                    cases.append((f"rax={high << 8 | low:#x}", divisor))
                else:
                    cases.append((f"rdx={high:#x} rax={low:#x}", divisor))
            yield Form(FOLDER, f"{mnemonic}_r{bits}", f"{mnemonic.upper()} r{bits}", f"{mnemonic} {SOURCE[bits]}",
                       [f"{text} {value_for(SOURCE[bits], divisor)}" for text, divisor in cases], modes_for(bits),
                       "cf of sf zf af pf")
            yield Form(FOLDER, f"{mnemonic}_m{bits}", f"{mnemonic.upper()} m{bits}", f"{mnemonic} {memory(bits)}",
                       [base_case(f"{text} {at_operand(divisor, bits)}") for text, divisor in cases[:4]] +
                       fault_cases(False), modes_for(bits), "cf of sf zf af pf")


def shift_forms():
    for mnemonic in ("rol", "ror", "rcl", "rcr", "shl", "shr", "sar"):
        adjust = "" if mnemonic in ("rol", "ror", "rcl", "rcr") else "af"
        for bits in WIDTHS:
            d = DESTINATION[bits]
            values = [0x5A, mask(bits), 1 << (bits - 1), 1]
            once = with_carry(mnemonic, [value_for(d, value) for value in values])
            title = mnemonic.upper()
            yield Form(FOLDER, f"{mnemonic}_r{bits}_1", f"{title} r{bits}, 1", f"{mnemonic} {d}, 1", once,
                       modes_for(bits), adjust)
            yield Form(FOLDER, f"{mnemonic}_m{bits}_1", f"{title} m{bits}, 1", f"{mnemonic} {memory(bits)}, 1",
                       [base_case(at_operand(value, bits)) for value in values] + fault_cases(True),
                       modes_for(bits), adjust)
            by_3 = f"of {adjust}".strip()
            yield Form(FOLDER, f"{mnemonic}_r{bits}_imm8", f"{title} r{bits}, imm8", f"{mnemonic} {d}, 3", once,
                       modes_for(bits), by_3)
            yield Form(FOLDER, f"{mnemonic}_m{bits}_imm8", f"{title} m{bits}, imm8",
                       f"{mnemonic} {memory(bits)}, 5", [base_case(at_operand(value, bits)) for value in values],
                       modes_for(bits), by_3)
            # Counts of 0 leave all flags; those beyond the width of narrow operands leave CF undefined for SHL.
            counts = [0, 2, bits - 1, 32 if bits < 64 else 64, 33 if bits == 32 else 65 if bits == 64 else bits - 2]
            yield Form(FOLDER, f"{mnemonic}_r{bits}_cl", f"{title} r{bits}, CL", f"{mnemonic} {d}, cl",
                       [f"{value_for(d, 0x96 if bits == 8 else 0x9669)} rcx={count:#x} flags=cf|of"
                        for count in counts], modes_for(bits), by_3)
            yield Form(FOLDER, f"{mnemonic}_m{bits}_cl", f"{title} m{bits}, CL", f"{mnemonic} {memory(bits)}, cl",
                       [base_case(f"{at_operand(0x9A5, bits)} rcx={count:#x}") for count in counts[:3]] +
                       [case + " rcx=1" for case in fault_cases(True)], modes_for(bits), by_3)
    for mnemonic in ("shld", "shrd"):
        for bits in WIDE:
            d, s = DESTINATION[bits], SOURCE[bits]
            cases = [f"{value_for(d, a)} {value_for(s, b)}" for a, b in ((0x8001, 0x7FFE), (1, 0xFFFF), (0, 1))]
            for place, prepared in ((d, cases), (memory(bits), [
                    base_case(f"{at_operand(a, bits)} {value_for(s, b)}") for a, b in ((0x8001, 0x7FFE), (1, 0xFFFF))])):
                kind = "r" if place == d else "m"
                yield Form(FOLDER, f"{mnemonic}_{kind}{bits}_r{bits}_imm8", f"{mnemonic.upper()} {kind}{bits}, r{bits}, imm8",
                           f"{mnemonic} {place}, {s}, 4", prepared, modes_for(bits), "of af")
                yield Form(FOLDER, f"{mnemonic}_{kind}{bits}_r{bits}_cl", f"{mnemonic.upper()} {kind}{bits}, r{bits}, CL",
                           f"{mnemonic} {place}, {s}, cl",
                           [f"{case} rcx={count:#x}" for case in prepared for count in (0, 15)], modes_for(bits), "of af")


def bit_forms():
    for mnemonic in ("bt", "bts", "btr", "btc"):
        writes = mnemonic != "bt"
        for bits in WIDE:
            d, s = DESTINATION[bits], SOURCE[bits]
            undefined = "of sf af pf"
            title = mnemonic.upper()
            yield Form(FOLDER, f"{mnemonic}_r{bits}_r{bits}", f"{title} r{bits}, r{bits}", f"{mnemonic} {d}, {s}",
                       [f"{value_for(d, 0x8005)} rsi={bit:#x}" for bit in (0, 1, 15, bits + 2)], modes_for(bits), undefined)
            yield Form(FOLDER, f"{mnemonic}_r{bits}_imm8", f"{title} r{bits}, imm8", f"{mnemonic} {d}, 7",
                       [value_for(d, 0x80), value_for(d, 0x7F)], modes_for(bits), undefined)
            yield Form(FOLDER, f"{mnemonic}_m{bits}_imm8", f"{title} m{bits}, imm8", f"{mnemonic} {memory(bits)}, 9",
                       [base_case(at_operand(0x200, bits)), base_case(at_operand(0, bits))] + fault_cases(writes),
                       modes_for(bits), undefined)
            # The offset reaches beyond the operand, both ways.
            yield Form(FOLDER, f"{mnemonic}_m{bits}_r{bits}", f"{title} m{bits}, r{bits}",
                       f"{mnemonic} {SIZE[bits]} [ebx], {s}",
                       [base_case(f"rsi={offset & mask(bits):#x}") for offset in (0, 100, -1, -77, 1000)] +
                       [case + " rsi=0" for case in fault_cases(writes)], modes_for(bits), undefined)
    for mnemonic in ("bsf", "bsr", "popcnt"):
        for bits in WIDE:
            d, s = DESTINATION[bits], SOURCE[bits]
            undefined = "" if mnemonic == "popcnt" else "of sf af pf cf"
            values = [1, 1 << (bits - 1), mask(bits), 0x0FF0, 0]
            yield Form(FOLDER, f"{mnemonic}_r{bits}_r{bits}", f"{mnemonic.upper()} r{bits}, r{bits}", f"{mnemonic} {d}, {s}",
                       [value_for(s, value) for value in values], modes_for(bits), undefined)
            yield Form(FOLDER, f"{mnemonic}_r{bits}_m{bits}", f"{mnemonic.upper()} r{bits}, m{bits}",
                       f"{mnemonic} {d}, {memory(bits)}",
                       [base_case(at_operand(value, bits)) for value in values[:4]] + fault_cases(False),
                       modes_for(bits), undefined)
    for bits in (8, 16, 32, 64):
        into = "rdx" if bits == 64 else "edx"
        source = SOURCE[bits] if bits > 8 else "ch"
        if bits == 64:
            source = "rsi"
        yield Form(FOLDER, f"crc32_r_r{bits}", f"CRC32 r, r{bits}", f"crc32 {'rdx' if bits == 64 else 'edx'}, "
                   f"{'cl' if bits == 64 and source == 'ch' else source}",
                   [f"rdx=0xffffffff {value_for(source, 0x5A)}", f"rdx=0 {value_for(source, mask(bits))}"], modes_for(bits))
        yield Form(FOLDER, f"crc32_r_m{bits}", f"CRC32 r, m{bits}", f"crc32 {into}, {memory(bits)}",
                   [base_case("rdx=0x12345678")] + fault_cases(False), modes_for(bits))


def move_forms():
    def one(name, code, cases, modes="64 32", mnemonic="mov"):
        return Form(FOLDER, f"{mnemonic}_{name}", f"{mnemonic.upper()} {name.replace('_', ', ')}", f"{mnemonic} {code}", cases, modes)

    for bits in WIDTHS:
        d, s = DESTINATION[bits], SOURCE[bits]
        modes = modes_for(bits)
        yield one(f"r{bits}_r{bits}", f"{d}, {s}", [value_for(s, 0x81), value_for(s, mask(bits))], modes)
        yield one(f"m{bits}_r{bits}", f"{memory(bits)}, {s}", [base_case(value_for(s, 0x5E))] + fault_cases(True), modes)
        yield one(f"r{bits}_m{bits}", f"{d}, {memory(bits)}", [base_case()] + fault_cases(False), modes)
        immediate = {8: 0x9A, 16: 0x9ABC, 32: 0x9ABCDEF0, 64: 0x123456789ABCDEF0}[bits]
        yield one(f"r{bits}_imm{bits}", f"{d}, {immediate:#x}", [""], modes)
        yield one(f"m{bits}_imm{min(bits, 32)}", f"{memory(bits)}, {min(immediate, 0x7FFFFFFF):#x}",
                  [base_case()] + fault_cases(True), modes)
        accumulator = {8: "al", 16: "ax", 32: "eax", 64: "rax"}[bits]
        yield one(f"a{bits}_moffs64", f"{accumulator}, [qword data + 0x10]", [""], "64")
        yield one(f"moffs64_a{bits}", f"[qword data + 0x10], {accumulator}", [""], "64")
        yield one(f"moffs64_a{bits}_fault", f"[qword 0x0010000020000000], {accumulator}", [""], "64")
        if bits < 64:
            yield one(f"a{bits}_moffs32", f"{accumulator}, [data + 0x10]", [""], "32")
            yield one(f"moffs32_a{bits}", f"[data + 0x10], {accumulator}", [""], "32")
    yield one("r64_simm32", "rdx, strict dword -2", [""], "64")
    for mnemonic in ("movzx", "movsx"):
        for source_bits in (8, 16):
            for bits in WIDE:
                if source_bits >= bits:
                    continue
                s = "cl" if source_bits == 8 else SOURCE[source_bits]
                full = "rcx" if source_bits == 8 else "rsi"
                top = 1 << (source_bits - 1)
                yield one(f"r{bits}_r{source_bits}", f"{DESTINATION[bits]}, {s}",
                          [f"{full}={top:#x}", f"{full}={top - 1:#x}"], modes_for(bits), mnemonic)
                yield one(f"r{bits}_m{source_bits}", f"{DESTINATION[bits]}, {memory(source_bits)}",
                          [base_case(at_operand(top, source_bits))] + fault_cases(False), modes_for(bits), mnemonic)
    for bits in WIDE:
        yield one(f"r{bits}_m{bits}", f"{DESTINATION[bits]}, {memory(bits)}", [base_case()] + fault_cases(False), modes_for(bits), "movbe")
        yield one(f"m{bits}_r{bits}", f"{memory(bits)}, {SOURCE[bits]}", [base_case("rsi=0x12345678")] + fault_cases(True), modes_for(bits), "movbe")
    yield one("r64_r32", "rdx, esi", ["rsi=0x80000000", "rsi=0x7fffffff"], "64", "movsxd")
    yield one("r64_m32", "rdx, dword [ebx]", [base_case("[data+100]=000000ff")] + fault_cases(False), "64", "movsxd")
    for bits in (32, 64):
        yield one(f"m{bits}_r{bits}", f"[ebx], {SOURCE[bits]}", [base_case("rsi=0x1234567")] + fault_cases(True),
                  modes_for(bits), "movnti")
        yield one(f"r{bits}", DESTINATION[bits], ["rdx=0x1122334455667788" if bits == 64 else "rdx=0x11223344"],
                  modes_for(bits), "bswap")
    for bits in WIDE:
        d = DESTINATION[bits]
        yield one(f"r{bits}_m", f"{d}, [esi + ecx*4 - 0x10]", ["rsi=0x10000 rcx=0x5", "rsi=0xfffffff0 rcx=0x7"],
                  modes_for(bits), "lea")
        if bits == 64:
            yield one("r64_rip", "rdx, [rel .value]\nmov edx, [rdx]\nadd edx, [rel .value]\njmp short .end\n.value: dd 0x12345678\n.end:",
                      [""], "64", "lea")
            yield one("r64_m64", "rdx, [rsi + r9*8 + 0x1234]", ["rsi=0x8000000000000000 r9=0x10"], "64", "lea")


def exchange_forms():
    for bits in WIDTHS:
        d, s = DESTINATION[bits], SOURCE[bits]
        modes = modes_for(bits)
        yield Form(FOLDER, f"xchg_r{bits}_r{bits}", f"XCHG r{bits}, r{bits}", f"xchg {d}, {s}", [f"{value_for(d, 1)} {value_for(s, 2)}"], modes)
        yield Form(FOLDER, f"xchg_m{bits}_r{bits}", f"XCHG m{bits}, r{bits}", f"xchg {memory(bits)}, {s}",
                   [base_case(value_for(s, 0x7E))] + fault_cases(True), modes)
        if bits > 8:
            a = {16: "ax", 32: "eax", 64: "rax"}[bits]
            yield Form(FOLDER, f"xchg_a{bits}_r{bits}", f"XCHG rAX, r{bits}", f"xchg {a}, {s}", ["rax=0x1 rsi=0x2"], modes)
        both = [f"{value_for(d, a)} {value_for(s, b)}" for a, b in pairs(bits)]
        stored = [base_case(f"{at_operand(a, bits)} {value_for(s, b)}") for a, b in pairs(bits)[:3]]
        yield Form(FOLDER, f"xadd_r{bits}_r{bits}", f"XADD r{bits}, r{bits}", f"xadd {d}, {s}", both, modes)
        yield Form(FOLDER, f"xadd_m{bits}_r{bits}", f"XADD m{bits}, r{bits}", f"xadd {memory(bits)}, {s}", stored + fault_cases(True), modes)
        yield Form(FOLDER, f"lock_xadd_m{bits}_r{bits}", f"LOCK XADD m{bits}, r{bits}", f"lock xadd {memory(bits)}, {s}", stored, modes)
        equal = [f"rax={a:#x} {value_for(d, b)} {value_for(s, 0x33)}" for a, b in ((5, 5), (5, 6), (0, mask(bits)))]
        yield Form(FOLDER, f"cmpxchg_r{bits}_r{bits}", f"CMPXCHG r{bits}, r{bits}", f"cmpxchg {d}, {s}", equal, modes)
        stored = [base_case(f"rax={a:#x} {at_operand(b, bits)} {value_for(s, 0x33)}") for a, b in ((5, 5), (5, 6))]
        for prefix in ("", "lock "):
            yield Form(FOLDER, f"{prefix.replace(' ', '_')}cmpxchg_m{bits}_r{bits}", f"{prefix.upper()}CMPXCHG m{bits}, r{bits}",
                       f"{prefix}cmpxchg {memory(bits)}, {s}", stored + fault_cases(True), modes)
    eight = [f"rdi={OPERAND:#x} rdx=0x3 rax=0x4 rbx=0x5 rcx=0x6 [data+100]={data}" for data in ("0400000003000000", "0500000003000000")]
    sixteen = [f"rdi={OPERAND:#x} rdx=0x3 rax=0x4 rbx=0x5 rcx=0x6 [data+100]={data}" for data in
               ("04000000000000000300000000000000", "04000000000000000400000000000000")] + ["rdi=0x20000108", "rdi=0x20002010"]
    for prefix in ("", "lock "):
        name = prefix.replace(" ", "_")
        yield Form(FOLDER, f"{name}cmpxchg8b_m64", "CMPXCHG8B m64", f"{prefix}cmpxchg8b [edi]", eight + ["rdi=0x20002010"])
        yield Form(FOLDER, f"{name}cmpxchg16b_m128", "CMPXCHG16B m128", f"{prefix}cmpxchg16b [rdi]", sixteen, "64")


def simple_forms():
    def one(name, cases, modes="64 32", undefined="", code=None):
        return Form(FOLDER, name, name.upper().replace("_", " "), code or name, cases, modes, undefined)

    signs = ["rax=0x80 rdx=0x55", "rax=0x7f rdx=0x55", "rax=0x8000 rdx=0x55", "rax=0x80000000 rdx=0x55", "rax=0xffffffffffffffff rdx=0"]
    for name in ("cbw", "cwde", "cwd", "cdq"):
        yield one(name, signs[:4])
    for name in ("cdqe", "cqo"):
        yield one(name, signs, "64")
    for name in ("clc", "stc", "cmc", "cld", "std"):
        yield one(name, ["", "flags=cf|df|zf"])
    yield one("lahf", ["flags=cf|zf", "flags=sf|pf|af"])
    yield one("sahf", ["rax=0xd500", "rax=0x2a00 flags=cf|zf|of", "rax=0xff00"])
    yield one("xlatb", [base_case("rax=0x44"), "rbx=0x1ffffff0 rax=0"], code="a32 xlatb")
    decimal = ["rax=0x9", "rax=0xa", "rax=0x10f flags=af", "rax=0x99 flags=cf", "rax=0xff", "rax=0x0 flags=af|cf", "rax=0x9a"]
    yield one("daa", decimal, "32", "of")
    yield one("das", decimal, "32", "of")
    yield one("aaa", decimal, "32", "of sf zf pf")
    yield one("aas", decimal, "32", "of sf zf pf")
    yield one("aam", ["rax=0x3f", "rax=0x64"], "32", "of af cf")
    yield one("aam_imm8", ["rax=0x3f"], "32", "of af cf", "aam 16")
    yield one("aam_0", ["rax=0x3f"], "32", "of af cf", "aam 0")
    yield one("aad", ["rax=0x305", "rax=0xffff"], "32", "of af cf")
    yield one("aad_imm8", ["rax=0x305"], "32", "of af cf", "aad 7")
    yield one("salc", ["", "flags=cf"], "32")
    yield one("nop", [""])
    yield one("nop_m32", [base_case(address=0x1FFFFFF8)], code="nop dword [ebx]")
    yield one("pause", [""])
    for name in ("lfence", "sfence", "mfence"):
        yield one(name, [""])
    for name in ("prefetchnta", "prefetcht0", "prefetcht1", "prefetcht2", "prefetchw", "prefetch"):
        yield one(name, [base_case(), base_case(address=0x1FFFFFF8)], code=f"{name} [ebx]")
    yield one("prefetchwt1", [base_case()], code="db 0x0f, 0x0d, 0x15\ndd data" , modes="32")
    yield one("clflush", [base_case(), base_case(address=0x1FFFFFF8)], code="clflush [ebx]")
    yield one("ud0", [""], code="ud0 eax, ecx")
    yield one("ud1", [""], code="ud1 eax, ecx")
    yield one("ud2", [""])
    bound = ["rdx=0x5 [data+100]=0100000009000000", "rdx=0x0 [data+100]=0100000009000000", "rdx=0xa [data+100]=0100000009000000"]
    yield one("bound_r32_m32", [base_case(case) for case in bound], "32", code="bound edx, [ebx]")
    yield one("bound_r16_m16", [base_case(case) for case in ("rdx=0x5 [data+100]=01000900", "rdx=0xfff0 [data+100]=01000900")], "32", code="bound dx, [ebx]")
    yield one("lock_nop", [""], code="db 0xf0\nnop")
    yield one("lock_mov", [base_case()], code="db 0xf0\nmov [ebx], eax")


def forms():
    for family in (binary_forms, unary_forms, multiply_forms, divide_forms, shift_forms, bit_forms, move_forms,
                   exchange_forms, simple_forms):
        yield from family()
