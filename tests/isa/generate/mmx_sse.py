"""MMX, and SSE to SSE4.2 (SDM vol. 1, chapters 9 to 12, and vol. 2)."""
from generate.form import OPERAND, READ_ONLY, UNMAPPED, Form, base_case, fault_cases

# Packed integers of every width at their edges, as 128 bits.
A = "0x807fff00018000807fff0001ffff8000"
B = "0x017fff80ff00ff7f00017fff80000001"
C = "0x00000000ffffffff7fffffff80000000"
D = "0x0123456789abcdeffedcba9876543210"
# Singles: 1.5 -2.25 inf nan; denormal max 0 -0. Doubles: 1.5 -2.25; nan 1e-310.
S1 = "0x7fc123457f800000c01000003fc00000"
S2 = "0x80000000000000007f7fffff00000001"
S3 = "0x40400000c0400000404000003eaaaaab"
S4 = "0xff800001bf800000400000003f800000"
D1 = "0xc0020000000000003ff8000000000000"
D2 = "0x000012688b70e62b7ff8000000012345"
D3 = "0x7ff000000000000140080000000000003"[:34]
D4 = "0x7fefffffffffffffbff0000000000000"
UNMASKED = "mxcsr=0x0"
ROUNDINGS = ("0x3f80", "0x5f80", "0x7f80", "0x9fc0")


def low(value):
    return hex(int(value, 16) & (2**64 - 1))


def bytes_of(value, size=16):
    return int(value, 16).to_bytes(16, "little")[:size].hex()


def stored(value, size=16):
    return f"[data+100]={bytes_of(value, size)}"


def form(folder, name, code, cases, modes="64 32", undefined=""):
    return Form(folder, name, name.upper().replace("_", " ", 1).replace("_", ", "), code, cases, modes, undefined)


def alignment_cases(aligned):
    cases = fault_cases(False)
    return cases + [f"rbx={OPERAND + 8:#x}"] if aligned else cases


def fault_cases_of(mnemonic):
    """The manual wants SHA's operands aligned, AMD's processors do not: both agree about these."""
    return [base_case(address=UNMAPPED - 8)] if mnemonic.startswith("sha") else alignment_cases(True)


def packed(mnemonic, pairs, folder, mmx=False, size=16, aligned=True, suffix="", extra=(), faults=None):
    """mnemonic xmm, xmm and xmm, m; the same for mm registers where it has them."""
    both = [f"xmm1={a} xmm2={b}" for a, b in pairs] + list(extra)
    loaded = [base_case(f"xmm1={a} {stored(b, size)}") for a, b in pairs[:2]]
    yield form(folder, f"{mnemonic}_xmm_xmm{'_imm8' if suffix else ''}", f"{mnemonic} xmm1, xmm2{suffix}", both)
    yield form(folder, f"{mnemonic}_xmm_m{size * 8}{'_imm8' if suffix else ''}", f"{mnemonic} xmm1, [ebx]{suffix}",
               loaded + (faults or alignment_cases(aligned and size == 16)))
    if mmx:
        yield form("mmx", f"{mnemonic}_mm_mm{'_imm8' if suffix else ''}", f"{mnemonic} mm1, mm2{suffix}",
                   [f"mm1={low(a)} mm2={low(b)}" for a, b in pairs] + ["fsw=0x3800", "fcw=0x37e fsw=0x8081"])
        yield form("mmx", f"{mnemonic}_mm_m64{'_imm8' if suffix else ''}", f"{mnemonic} mm1, [ebx]{suffix}",
                   [base_case(f"mm1={low(a)} {stored(b, 8)}") for a, b in pairs[:2]] + fault_cases(False))


INTEGERS = ((A, B), (B, A), (C, A), (D, C))
# Since MMX or SSE: both register files.
IN_BOTH = """packsswb packssdw packuswb paddb paddw paddd paddq paddsb paddsw paddusb paddusw pand pandn por pxor pavgb pavgw
    pcmpeqb pcmpeqw pcmpeqd pcmpgtb pcmpgtw pcmpgtd pmaddwd pmaxsw pmaxub pminsw pminub pmulhuw pmulhw pmullw pmuludq psadbw
    psubb psubw psubd psubq psubsb psubsw psubusb psubusw punpckhbw punpckhwd punpckhdq
    pabsb pabsw pabsd phaddw phaddd phaddsw phsubw phsubd phsubsw pmaddubsw pmulhrsw pshufb psignb psignw psignd""".split()
IN_XMM = """packusdw pcmpeqq pcmpgtq pmaxsb pmaxsd pmaxud pmaxuw pminsb pminsd pminud pminuw pmuldq pmulld phminposuw
    punpcklqdq punpckhqdq punpcklbw punpcklwd punpckldq""".split()


def integer_forms():
    for mnemonic in IN_BOTH:
        yield from packed(mnemonic, INTEGERS, "sse", mmx=True)
    for mnemonic in IN_XMM:
        yield from packed(mnemonic, INTEGERS, "sse")
    for mnemonic in ("punpcklbw", "punpcklwd", "punpckldq"):
        yield form("mmx", f"{mnemonic}_mm_mm", f"{mnemonic} mm1, mm2", [f"mm1={low(a)} mm2={low(b)}" for a, b in INTEGERS])
        yield form("mmx", f"{mnemonic}_mm_m32", f"{mnemonic} mm1, [ebx]", [base_case(f"mm1={low(A)}")] + fault_cases(False))
    for mnemonic in ("psllw", "pslld", "psllq", "psrlw", "psrld", "psrlq", "psraw", "psrad"):
        counts = (("0x3"), ("0x10"), ("0x100000000"), ("0x0"))
        yield from packed(mnemonic, [(D, count) for count in counts], "sse", mmx=True)
        yield form("sse", f"{mnemonic}_xmm_imm8", f"{mnemonic} xmm1, 5", [f"xmm1={A}", f"xmm1={D}"])
        yield form("sse", f"{mnemonic}_xmm_imm8_all", f"{mnemonic} xmm1, 200", [f"xmm1={A}"])
        yield form("mmx", f"{mnemonic}_mm_imm8", f"{mnemonic} mm1, 5", [f"mm1={low(A)}", f"mm1={low(D)}"])
    for mnemonic in ("pslldq", "psrldq"):
        yield form("sse", f"{mnemonic}_xmm_imm8", f"{mnemonic} xmm1, 3", [f"xmm1={D}"])
        yield form("sse", f"{mnemonic}_xmm_imm8_all", f"{mnemonic} xmm1, 16", [f"xmm1={D}"])
    yield form("sse", "ptest_xmm_xmm", "ptest xmm1, xmm2",
               [f"xmm1={a} xmm2={b}" for a, b in ((A, B), ("0x0", A), (A, A), ("0xf0", "0x0f"))])
    yield form("sse", "ptest_xmm_m128", "ptest xmm1, [ebx]", [base_case(f"xmm1={A} {stored(B)}")] + alignment_cases(True))


def shuffle_forms():
    for mnemonic, mmx in (("pshufd", False), ("pshufhw", False), ("pshuflw", False), ("shufps", False), ("shufpd", False),
                          ("palignr", True), ("blendps", False), ("blendpd", False), ("pblendw", False), ("mpsadbw", False)):
        yield from packed(mnemonic, ((D, A), (A, B)), "sse", mmx=mmx, suffix=", 0x6d")
    yield form("sse", "palignr_xmm_xmm_far", "palignr xmm1, xmm2, 20", [f"xmm1={D} xmm2={A}"])
    yield form("mmx", "pshufw_mm_mm_imm8", "pshufw mm1, mm2, 0x6d", [f"mm1=0 mm2={low(D)}"])
    yield form("mmx", "pshufw_mm_m64_imm8", "pshufw mm1, [ebx], 0x6d", [base_case(stored(D, 8))] + fault_cases(False))
    for mnemonic in ("pblendvb", "blendvps", "blendvpd"):
        mask = "xmm0=0x80000000000000008000000080008000"
        yield form("sse", f"{mnemonic}_xmm_xmm", f"{mnemonic} xmm1, xmm2", [f"xmm1={A} xmm2={D} {mask}"])
        yield form("sse", f"{mnemonic}_xmm_m128", f"{mnemonic} xmm1, [ebx]", [base_case(f"xmm1={A} {stored(D)} {mask}")] + alignment_cases(True))
    for mnemonic in ("unpcklps", "unpckhps", "unpcklpd", "unpckhpd", "movshdup", "movsldup"):
        yield from packed(mnemonic, ((D, A),), "sse")
    yield from packed("movddup", ((D, A),), "sse", size=8)
    for sign in ("s", "z"):
        for kinds, size in (("bw", 8), ("bd", 4), ("bq", 2), ("wd", 8), ("wq", 4), ("dq", 8)):
            yield from packed(f"pmov{sign}x{kinds}", ((D, A), (A, B)), "sse", size=size)
    yield form("sse", "insertps_xmm_xmm_imm8", "insertps xmm1, xmm2, 0x9a", [f"xmm1={A} xmm2={D}"])
    yield form("sse", "insertps_xmm_m32_imm8", "insertps xmm1, dword [ebx], 0x15", [base_case(f"xmm1={A}")] + fault_cases(False))


def move_forms():
    for mnemonic, aligned in (("movaps", True), ("movapd", True), ("movdqa", True), ("movups", False), ("movupd", False), ("movdqu", False)):
        yield form("sse", f"{mnemonic}_xmm_xmm", f"{mnemonic} xmm1, xmm2", [f"xmm2={D}"])
        yield form("sse", f"{mnemonic}_xmm_m128", f"{mnemonic} xmm1, [ebx]", [base_case()] + alignment_cases(True))
        yield form("sse", f"{mnemonic}_m128_xmm", f"{mnemonic} [ebx], xmm1",
                   [base_case(f"xmm1={D}")] + alignment_cases(True) + fault_cases(True)[1:] + ["rbx=0x20001ff8"])
    yield form("sse", "lddqu_xmm_m128", "lddqu xmm1, [ebx]", [base_case()] + alignment_cases(True))
    for mnemonic in ("movntps", "movntpd", "movntdq"):
        yield form("sse", f"{mnemonic}_m128_xmm", f"{mnemonic} [ebx], xmm1", [base_case(f"xmm1={D}")] + alignment_cases(True) + fault_cases(True)[1:])
    yield form("sse", "movntdqa_xmm_m128", "movntdqa xmm1, [ebx]", [base_case()] + alignment_cases(True))
    yield form("mmx", "movntq_m64_mm", "movntq [ebx], mm1", [base_case(f"mm1={low(D)}")] + fault_cases(True))
    for mnemonic, size in (("movlps", 8), ("movhps", 8), ("movlpd", 8), ("movhpd", 8), ("movss", 4), ("movsd", 8)):
        yield form("sse", f"{mnemonic}_xmm_m{size * 8}", f"{mnemonic} xmm1, [ebx]", [base_case(f"xmm1={D}")] + fault_cases(False))
        yield form("sse", f"{mnemonic}_m{size * 8}_xmm", f"{mnemonic} [ebx], xmm1", [base_case(f"xmm1={D}")] + fault_cases(True))
    for mnemonic in ("movss", "movsd", "movhlps", "movlhps"):
        yield form("sse", f"{mnemonic}_xmm_xmm", f"{mnemonic} xmm1, xmm2", [f"xmm1={A} xmm2={D}"])
    for mnemonic, register, bits, modes in (("movd", "edx", 32, "64 32"), ("movq", "rdx", 64, "64")):
        yield form("sse", f"{mnemonic}_xmm_r{bits}", f"{mnemonic} xmm1, {register}", [f"xmm1={D} rdx=0x81234567"], modes)
        yield form("sse", f"{mnemonic}_r{bits}_xmm", f"{mnemonic} {register}, xmm1", [f"xmm1={A}"], modes)
        yield form("mmx", f"{mnemonic}_mm_r{bits}", f"{mnemonic} mm1, {register}", ["rdx=0x81234567"], modes)
        yield form("mmx", f"{mnemonic}_r{bits}_mm", f"{mnemonic} {register}, mm1", [f"mm1={low(A)}"], modes)
        size = "dword" if bits == 32 else "qword"
        yield form("sse", f"{mnemonic}_xmm_m{bits}", f"{mnemonic} xmm1, {size} [ebx]", [base_case(f"xmm1={D}")] + fault_cases(False))
        yield form("sse", f"{mnemonic}_m{bits}_xmm", f"{mnemonic} {size} [ebx], xmm1", [base_case(f"xmm1={D}")] + fault_cases(True))
        yield form("mmx", f"{mnemonic}_mm_m{bits}", f"{mnemonic} mm1, {size} [ebx]", [base_case()] + fault_cases(False))
        yield form("mmx", f"{mnemonic}_m{bits}_mm", f"{mnemonic} {size} [ebx], mm1", [base_case(f"mm1={low(D)}")] + fault_cases(True))
    yield form("sse", "movq_xmm_xmm", "movq xmm1, xmm2", [f"xmm1={A} xmm2={D}"])
    yield form("mmx", "movq_mm_mm", "movq mm1, mm2", [f"mm2={low(D)}"])
    yield form("mmx", "movq2dq_xmm_mm", "movq2dq xmm1, mm2", [f"xmm1={A} mm2={low(D)}"])
    yield form("mmx", "movdq2q_mm_xmm", "movdq2q mm1, xmm2", [f"mm1=0 xmm2={D}"])
    yield form("mmx", "emms", "emms", [f"mm1={low(D)}"])
    yield form("mmx", "maskmovq_mm_mm", "a32 maskmovq mm1, mm2", [f"rdi={OPERAND:#x} mm1={low(D)} mm2=0x80007f8000ff8000", f"rdi={UNMAPPED:#x} mm1=0 mm2=0xff"])
    yield form("sse", "maskmovdqu_xmm_xmm", "a32 maskmovdqu xmm1, xmm2", [f"rdi={OPERAND + 3:#x} xmm1={D} xmm2={A}", f"rdi={READ_ONLY:#x} xmm1={D} xmm2=0xff"])


def lane_forms():
    for mnemonic in ("movmskps", "movmskpd", "pmovmskb"):
        yield form("sse", f"{mnemonic}_r32_xmm", f"{mnemonic} edx, xmm1", [f"xmm1={A}", f"xmm1={B}"])
    yield form("mmx", "pmovmskb_r32_mm", "pmovmskb edx, mm1", [f"mm1={low(A)}"])
    for mnemonic, lane, register, bits in (("pextrb", 9, "edx", 8), ("pextrw", 5, "edx", 16), ("pextrd", 2, "edx", 32), ("pextrq", 1, "rdx", 64), ("extractps", 3, "edx", 32)):
        modes = "64" if bits == 64 else "64 32"
        size = {8: "byte", 16: "word", 32: "dword", 64: "qword"}[bits]
        yield form("sse", f"{mnemonic}_r_xmm_imm8", f"{mnemonic} {register}, xmm1, {lane}", [f"xmm1={D}", f"xmm1={A}"], modes)
        yield form("sse", f"{mnemonic}_m{bits}_xmm_imm8", f"{mnemonic} {size} [ebx], xmm1, {lane}", [base_case(f"xmm1={D}")] + fault_cases(True), modes)
    for mnemonic, lane, register, bits in (("pinsrb", 9, "edx", 8), ("pinsrw", 5, "edx", 16), ("pinsrd", 2, "edx", 32), ("pinsrq", 1, "rdx", 64)):
        modes = "64" if bits == 64 else "64 32"
        size = {8: "byte", 16: "word", 32: "dword", 64: "qword"}[bits]
        yield form("sse", f"{mnemonic}_xmm_r_imm8", f"{mnemonic} xmm1, {register}, {lane}", [f"xmm1={D} rdx=0x12345678"], modes)
        yield form("sse", f"{mnemonic}_xmm_m{bits}_imm8", f"{mnemonic} xmm1, {size} [ebx], {lane}", [base_case(f"xmm1={D}")] + fault_cases(False), modes)
    yield form("mmx", "pextrw_r32_mm_imm8", "pextrw edx, mm1, 2", [f"mm1={low(D)}"])
    yield form("mmx", "pinsrw_mm_r32_imm8", "pinsrw mm1, edx, 2", [f"mm1={low(D)} rdx=0x12345678"])
    yield form("mmx", "pinsrw_mm_m16_imm8", "pinsrw mm1, word [ebx], 1", [base_case(f"mm1={low(D)}")] + fault_cases(False))
    text = [("0x00676e69727473206120736920736968", "0x0000000000000000006e697274730069"), (D, D), ("0x6f", "0x6c6c6568006f6c6c6568"), ("0x0", A)]
    for mnemonic in ("pcmpistri", "pcmpistrm", "pcmpestri", "pcmpestrm"):
        for control in (0x00, 0x0C, 0x18, 0x34, 0x44, 0x69, 0x7A):
            yield form("sse", f"{mnemonic}_xmm_xmm_{control:02x}", f"{mnemonic} xmm1, xmm2, {control:#x}",
                       [f"xmm1={a} xmm2={b} rax=0x5 rdx=0x9" for a, b in text] + [f"xmm1={text[0][0]} xmm2={text[0][1]} rax=0xffffff9c rdx=0x64"])
        yield form("sse", f"{mnemonic}_xmm_m128", f"{mnemonic} xmm1, [ebx], 0x0c", [base_case(f"xmm1={text[2][0]} {stored(text[2][1])} rax=0x1 rdx=0xb"), f"rbx={OPERAND + 1:#x}", f"rbx={UNMAPPED:#x}"])


SINGLES = ((S1, S3), (S2, S4), (S3, S1), (S4, S2))
DOUBLES = ((D1, D4), (D2, D1), (D3, D2), (D4, D3))


def float_extras(pairs):
    a, b = pairs[0]
    rounded = [f"xmm1={pairs[2][0]} xmm2={pairs[3][0]} mxcsr={control}" for control in ROUNDINGS]
    return rounded + [f"xmm1={a} xmm2={b} {UNMASKED}", f"xmm1={pairs[1][0]} xmm2={pairs[1][1]} mxcsr=0x1e80"]


def arithmetic_forms():
    for stem in ("add", "sub", "mul", "div", "min", "max", "sqrt"):
        for suffix, pairs, size in (("ps", SINGLES, 16), ("ss", SINGLES, 4), ("pd", DOUBLES, 16), ("sd", DOUBLES, 8)):
            yield from packed(stem + suffix, pairs, "sse", size=size, extra=float_extras(pairs))
    for mnemonic, pairs in (("haddps", SINGLES), ("hsubps", SINGLES), ("addsubps", SINGLES), ("haddpd", DOUBLES), ("hsubpd", DOUBLES), ("addsubpd", DOUBLES)):
        yield from packed(mnemonic, pairs, "sse", extra=float_extras(pairs))
    for mnemonic in ("andps", "andnps", "orps", "xorps", "andpd", "andnpd", "orpd", "xorpd"):
        yield from packed(mnemonic, INTEGERS[:2], "sse")
    yield from packed("dpps", (("0x3f8000004000000040400000c0800000", S3), (S3, S3)), "sse", suffix=", 0xb5")
    yield from packed("dppd", ((D1, D1), (D4, D1)), "sse", suffix=", 0x31")
    for stem in ("round",):
        for suffix, pairs, size in (("ps", SINGLES, 16), ("ss", SINGLES, 4), ("pd", DOUBLES, 16), ("sd", DOUBLES, 8)):
            yield from packed(stem + suffix, pairs, "sse", size=size, suffix=", 4", extra=float_extras(pairs))
            for mode in (0, 1, 2, 3, 8):
                yield form("sse", f"{stem}{suffix}_xmm_xmm_{mode}", f"{stem}{suffix} xmm1, xmm2, {mode}", [f"xmm2={pairs[0][0]}", f"xmm2={pairs[2][0]}"])
    # Approximations: only zeros, infinities and NaNs are the same everywhere.
    for stem in ("rcp", "rsqrt"):
        for suffix, size in (("ps", 16), ("ss", 4)):
            yield from packed(stem + suffix, (("0x0", "0x7fc123457f800000800000000000000000"[:34]), ("0x0", "0x7f8000007f8000007f8000007f800000")), "sse", size=size)


def compare_forms():
    for suffix, pairs, size in (("ps", SINGLES, 16), ("ss", SINGLES, 4), ("pd", DOUBLES, 16), ("sd", DOUBLES, 8)):
        for condition in range(8):
            yield form("sse", f"cmp{suffix}_xmm_xmm_{condition}", f"cmp{suffix} xmm1, xmm2, {condition}",
                       [f"xmm1={a} xmm2={b}" for a, b in pairs + ((pairs[0][0], pairs[0][0]),)] + [f"xmm1={pairs[0][0]} xmm2={pairs[0][1]} {UNMASKED}"])
        yield form("sse", f"cmp{suffix}_xmm_m{size * 8}", f"cmp{suffix} xmm1, [ebx], 1", [base_case(f"xmm1={pairs[0][0]} {stored(pairs[0][1], size)}")] + alignment_cases(size == 16))
    numbers = {"ss": ("0x3f800000", "0x40000000", "0x7fc00000", "0x7f800001", "0x80000000", "0x0", "0x1"),
               "sd": ("0x3ff0000000000000", "0x4000000000000000", "0x7ff8000000000000", "0x7ff0000000000001", "0x8000000000000000", "0x0", "0x1")}
    for suffix, values in numbers.items():
        for stem in ("comi", "ucomi"):
            cases = [f"xmm1={values[0]} xmm2={value} flags=of|sf|af" for value in values] + [f"xmm1={values[4]} xmm2=0x0", f"xmm1={values[2]} xmm2=0x1 {UNMASKED}",
                                                                                            f"xmm1={values[3]} xmm2=0x0 mxcsr=0x1f00"]
            yield form("sse", f"{stem}{suffix}_xmm_xmm", f"{stem}{suffix} xmm1, xmm2", cases)
            size = 4 if suffix == "ss" else 8
            yield form("sse", f"{stem}{suffix}_xmm_m{size * 8}", f"{stem}{suffix} xmm1, [ebx]", [base_case(f"xmm1={values[0]} {stored(values[1], size)}")] + fault_cases(False))


def convert_forms():
    whole = "0x4f00000041280000c12e00003fa00000"
    wide = "0x41e000000000000040240000000000000"[:34]
    for mnemonic, values, size in (("cvtps2dq", (whole, S1, S2), 16), ("cvttps2dq", (whole, S1, S2), 16), ("cvtdq2ps", (A, D), 16), ("cvtdq2pd", (A, D), 8),
                                   ("cvtps2pd", (S1, S2), 8), ("cvtpd2ps", (D1, D2, D4), 16), ("cvtpd2dq", (wide, D1, D2), 16), ("cvttpd2dq", (wide, D1, D4), 16),
                                   ("cvtss2sd", (S1, S2, S4), 4), ("cvtsd2ss", (D1, D2, D4), 8)):
        extra = [f"xmm1={A} xmm2={values[0]} mxcsr={control}" for control in ROUNDINGS[:3]] + [f"xmm1={A} xmm2={values[1]} {UNMASKED}"]
        yield from packed(mnemonic, tuple((A, value) for value in values), "sse", size=size, extra=extra)
    for source, values, size in (("ss", ("0x3fc00000", "0xc0200000", "0x7f800000", "0x4f000000", "0x5f000000", "0x7fc00000", "0x1"), 4),
                                 ("sd", ("0x3ff8000000000000", "0xc004000000000000", "0x7ff0000000000000", "0x41e0000000000000", "0x43e0000000000000", "0x1"), 8)):
        for stem in ("cvt", "cvtt"):
            for register, bits, modes in (("edx", 32, "64 32"), ("rdx", 64, "64")):
                mnemonic = f"{stem}{source}2si"
                yield form("sse", f"{mnemonic}_r{bits}_xmm", f"{mnemonic} {register}, xmm1",
                           [f"xmm1={value}" for value in values] + [f"xmm1={values[1]} mxcsr={control}" for control in ROUNDINGS[:3]] + [f"xmm1={values[2]} {UNMASKED}"], modes)
                yield form("sse", f"{mnemonic}_r{bits}_m{size * 8}", f"{mnemonic} {register}, [ebx]", [base_case(stored(values[1], size))] + fault_cases(False), modes)
    for mnemonic in ("cvtsi2ss", "cvtsi2sd"):
        for register, bits, modes in (("edx", 32, "64 32"), ("rdx", 64, "64")):
            size = "dword" if bits == 32 else "qword"
            yield form("sse", f"{mnemonic}_xmm_r{bits}", f"{mnemonic} xmm1, {register}",
                       [f"rdx={value}" for value in ("0x0", "0x7fffffff", "0xffffff80", "0x1ffffff")] + [f"rdx=0x7ffffff1 mxcsr={control}" for control in ROUNDINGS[:3]], modes)
            yield form("sse", f"{mnemonic}_xmm_m{bits}", f"{mnemonic} xmm1, {size} [ebx]", [base_case()] + fault_cases(False), modes)
    for mnemonic, size, values in (("cvtpi2ps", 8, (A, D)), ("cvtpi2pd", 8, (A, D))):
        yield form("mmx", f"{mnemonic}_xmm_mm", f"{mnemonic} xmm1, mm2", [f"xmm1={D} mm2={low(value)}" for value in values])
        yield form("mmx", f"{mnemonic}_xmm_m64", f"{mnemonic} xmm1, [ebx]", [base_case(f"xmm1={D} {stored(values[0], 8)}")] + fault_cases(False))
    for mnemonic, size, values in (("cvtps2pi", 8, (whole, S1, S2)), ("cvttps2pi", 8, (whole, S1, S2)), ("cvtpd2pi", 16, (wide, D1, D2)), ("cvttpd2pi", 16, (wide, D1, D2))):
        yield form("mmx", f"{mnemonic}_mm_xmm", f"{mnemonic} mm1, xmm2", [f"mm1=0 xmm2={value}" for value in values] + [f"mm1=0 xmm2={whole if size == 8 else D1} mxcsr=0x5f80"])
        yield form("mmx", f"{mnemonic}_mm_m{size * 8}", f"{mnemonic} mm1, [ebx]", [base_case(f"mm1=0 {stored(values[0], size)}")] + fault_cases(False))


def control_forms():
    yield form("sse", "ldmxcsr_m32", "ldmxcsr [ebx]", [base_case("[data+100]=801f0000"), base_case("[data+100]=bf9f0000"), base_case("[data+100]=00000100")] + fault_cases(False))
    yield form("sse", "stmxcsr_m32", "stmxcsr [ebx]", [base_case("mxcsr=0x9fbf")] + fault_cases(True))


def crypto_forms():
    for mnemonic in ("aesenc", "aesenclast", "aesdec", "aesdeclast", "aesimc", "sha1nexte", "sha1msg1", "sha1msg2",
                     "sha256msg1", "sha256msg2"):
        yield from packed(mnemonic, ((D, A), (A, B), (B, D)), "sse", faults=fault_cases_of(mnemonic))
    for mnemonic, controls in (("aeskeygenassist", (0x00, 0x1B)), ("pclmulqdq", (0x00, 0x01, 0x10, 0xFF)), ("sha1rnds4", (0, 1, 2, 3, 0xFE))):
        yield from packed(mnemonic, ((D, A), (A, B)), "sse", suffix=f", {controls[1]}", faults=fault_cases_of(mnemonic))
        for control in controls:
            yield form("sse", f"{mnemonic}_xmm_xmm_{control:02x}", f"{mnemonic} xmm1, xmm2, {control}", [f"xmm1={D} xmm2={B}", f"xmm1={A} xmm2={D}"])
    added = "xmm0=0x1122334455667788428a2f98d728ae22"
    yield form("sse", "sha256rnds2_xmm_xmm", "sha256rnds2 xmm1, xmm2", [f"xmm1={D} xmm2={B} {added}", f"xmm1={A} xmm2={D} {added}"])
    yield form("sse", "sha256rnds2_xmm_m128", "sha256rnds2 xmm1, [ebx]", [base_case(f"xmm1={D} {stored(B)} {added}")] + fault_cases_of("sha"))


def forms():
    for family in (crypto_forms, integer_forms, shuffle_forms, move_forms, lane_forms, arithmetic_forms, compare_forms, convert_forms, control_forms):
        yield from family()
