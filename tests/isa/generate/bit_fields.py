"""BMI1, BMI2, LZCNT and ADX (SDM vol. 2)."""
from generate.form import SIZE, WIDE, Form, at_operand, base_case, fault_cases, mask, modes_for

FOLDER = "bmi"
REGISTERS = {32: ("edx", "esi", "ecx"), 64: ("rdx", "rsi", "rcx"), 16: ("dx", "si", "cx")}
VALUES = (0, 1, 0x8000000000000000, 0x5A00FF0012345678, 0xFFFFFFFFFFFFFFFF)
UNDEFINED = {"andn": "af pf", "bextr": "af sf pf", "bzhi": "af pf", "blsi": "af pf", "blsmsk": "af pf", "blsr": "af pf",
             "lzcnt": "of sf af pf", "tzcnt": "of sf af pf"}
CONTROLS = (0x0, 0x0804, 0x1F, 0x3F, 0x40, 0xFF08, 0x20, 0x123456FF)


def one(mnemonic, operands, code, cases, bits):
    return Form(FOLDER, f"{mnemonic}_{operands}", f"{mnemonic.upper()} {operands.replace('_', ', ')}",
                f"{mnemonic} {code}", cases, modes_for(bits), UNDEFINED.get(mnemonic, ""))


def vex_forms():
    for bits in (32, 64):
        d, s, c = REGISTERS[bits]
        m = f"{SIZE[bits]} [ebx]"
        flags = "flags=cf|pf|af|zf|sf|of"
        for mnemonic in ("bextr", "bzhi", "sarx", "shlx", "shrx"):
            cases = [f"rsi={value:#x} rcx={control:#x}" for value in VALUES[2:4] for control in CONTROLS]
            yield one(mnemonic, f"r{bits}_r{bits}_r{bits}", f"{d}, {s}, {c}", cases + [f"{cases[1]} {flags}"], bits)
            loaded = [base_case(f"rcx={control:#x} {at_operand(VALUES[3], bits)}") for control in CONTROLS[1:4]]
            yield one(mnemonic, f"r{bits}_m{bits}_r{bits}", f"{d}, {m}, {c}", loaded + fault_cases(False), bits)
        for mnemonic in ("andn", "pdep", "pext", "mulx"):
            cases = [f"rsi={a:#x} rcx={b:#x} rdx=0xfedcba9876543210" for a in VALUES[1:] for b in VALUES[::2]]
            register = "r8" if bits == 64 else "edi"
            if mnemonic == "mulx":
                code, loaded_code = f"{s}, {register}, {c}", f"{s}, {register}, {m}"
            else:
                code, loaded_code = f"{d}, {s}, {c}", f"{d}, {s}, {m}"
            yield one(mnemonic, f"r{bits}_r{bits}_r{bits}", code, cases + [f"{cases[0]} {flags}"], bits)
            loaded = [base_case(f"rsi={VALUES[3]:#x} {at_operand(value, bits)}") for value in VALUES[1:4]]
            yield one(mnemonic, f"r{bits}_r{bits}_m{bits}", loaded_code, loaded + fault_cases(False), bits)
        yield one("mulx", f"same_r{bits}", f"{s}, {s}, {c}", [f"rcx={VALUES[3]:#x} rdx={VALUES[4]:#x}"], bits)
        for mnemonic in ("blsi", "blsmsk", "blsr"):
            cases = [f"rcx={value:#x}" for value in VALUES + (0x80000000, 0x100000000)]
            yield one(mnemonic, f"r{bits}_r{bits}", f"{d}, {c}", cases + [f"{cases[1]} {flags}"], bits)
            loaded = [base_case(at_operand(value, bits)) for value in VALUES[2:4]]
            yield one(mnemonic, f"r{bits}_m{bits}", f"{d}, {m}", loaded + fault_cases(False), bits)
        for count in (0, 5, bits - 1, 0x85):
            yield one("rorx", f"r{bits}_r{bits}_{count:02x}", f"{d}, {s}, {count}", [f"rsi={VALUES[3]:#x} {flags}"], bits)
        yield one("rorx", f"r{bits}_m{bits}_imm8", f"{d}, {m}, 9", [base_case()] + fault_cases(False), bits)
        if bits == 64:  # registers that an engine on the same architecture may keep elsewhere
            for mnemonic, code in (("andn", "r10, r11, r15"), ("andn", "rsp, r10, rcx"), ("bextr", "r15, rsp, r10"),
                                   ("shlx", "r11, r11, r10"), ("blsr", "r15, r10"), ("mulx", "r10, r11, r9"),
                                   ("pext", "r10, r15, [rbx]"), ("sarx", "r11, [rbx], r10")):
                operands = code.replace(", ", "_").replace("[rbx]", "m64")
                yield one(mnemonic, operands, code, [base_case("r10=0x1234567890abc r11=0x55aa r15=0xf00f r9=0x77777777")], 64)


def legacy_forms():
    for bits in WIDE:
        d, s, _ = REGISTERS[bits]
        values = (0, 1, 1 << (bits - 1), mask(bits), 0x10, 0x4000)
        for mnemonic in ("lzcnt", "tzcnt"):
            yield one(mnemonic, f"r{bits}_r{bits}", f"{d}, {s}", [f"rsi={value:#x}" for value in values], bits)
            yield one(mnemonic, f"r{bits}_m{bits}", f"{d}, {SIZE[bits]} [ebx]",
                      [base_case(at_operand(value, bits)) for value in values[:3]] + fault_cases(False), bits)
    for bits in (32, 64):
        d, s, _ = REGISTERS[bits]
        for mnemonic, flag in (("adcx", "cf"), ("adox", "of")):
            pairs = ((0, 0), (mask(bits), 1), (mask(bits), 0), (1 << (bits - 1), 1 << (bits - 1)), (5, 7))
            cases = [f"rdx={a:#x} rsi={b:#x} flags={flags}" for a, b in pairs for flags in (flag, "pf|af|zf|sf", "cf|of")]
            yield one(mnemonic, f"r{bits}_r{bits}", f"{d}, {s}", cases, bits)
            yield one(mnemonic, f"r{bits}_m{bits}", f"{d}, {SIZE[bits]} [ebx]",
                      [base_case(f"rdx=0xffffffffffffffff flags={flag}")] + fault_cases(False), bits)


def forms():
    yield from vex_forms()
    yield from legacy_forms()
