"""AVX, AVX2, VAES, VPCLMULQDQ, F16C and FMA (SDM vol. 1, chapter 14, and vol. 2 under V..)."""
from generate.form import OPERAND, READ_ONLY, UNMAPPED, Form, base_case, fault_cases
from generate.mmx_sse import (A, B, C, D, D1, D2, D4, DOUBLES, IN_BOTH, IN_XMM, INTEGERS, ROUNDINGS, S1, S2, S3, SINGLES, UNMASKED,
                              bytes_of)

FOLDER = "avx"
SIZES = {1: "byte", 2: "word", 4: "dword", 8: "qword", 16: "oword", 32: "yword"}


def wide(high, low):
    """256 bits of two times 128."""
    return f"0x{int(high, 16):032x}{int(low, 16):032x}"


def both(pairs):
    """Pairs of 256 bits: each pair of 128 bits under the next one."""
    return [(wide(pairs[(n + 1) % len(pairs)][0], a), wide(pairs[(n + 1) % len(pairs)][1], b)) for n, (a, b) in enumerate(pairs)]


def form(name, code, cases, modes="64 32", undefined=""):
    return Form(FOLDER, name, name.upper().replace("_", " ", 1).replace("_", ", "), code, cases, modes, undefined)


def stored(value, size):
    return f"[data+100]={int(value, 16).to_bytes(32, 'little')[:size].hex()}"


def unaligned(aligned):
    return [f"rbx={OPERAND + 8:#x}", f"rbx={OPERAND + 16:#x}"] if aligned else [f"rbx={OPERAND + 1:#x}", "rbx=0x20000ffb"]


def three(mnemonic, pairs, ymm=True, size=0, tail="", extra=()):
    """mnemonic v, v, v/m; of 128 and, where YMM, of 256 bits. SIZE: bytes of memory, where it is not the whole vector."""
    for kind, length, values in (("xmm", 16, pairs), ("ymm", 32, both(pairs))):
        if kind == "ymm" and not ymm:
            continue
        cases = [f"ymm2={a} ymm3={b}" for a, b in values] + list(extra)
        suffix = "_imm8" if tail else ""
        yield form(f"{mnemonic}_{kind}_{kind}_{kind}{suffix}", f"{mnemonic} {kind}1, {kind}2, {kind}3{tail}", cases)
        memory = size or length
        yield form(f"{mnemonic}_{kind}_{kind}_m{memory * 8}{suffix}", f"{mnemonic} {kind}1, {kind}2, [ebx]{tail}",
                   [base_case(f"ymm2={a} {stored(b, memory)}") for a, b in values[:2]] + unaligned(False)[:1] + fault_cases(False))
    yield form(f"{mnemonic}_same{suffix}", f"{mnemonic} xmm1, xmm1, xmm1{tail}", [f"ymm1={pairs[0][0]}"])
    yield form(f"{mnemonic}_high{suffix}", f"{mnemonic} xmm9, xmm10, xmm15{tail}", [f"xmm10={pairs[0][0]} xmm15={pairs[0][1]}"], "64")


def two(mnemonic, values, ymm=True, size=0, tail="", extra=(), source="", target="", wide_size=0):
    """mnemonic v, v/m. SOURCE and TARGET: register kinds that are not the vector's own."""
    for kind, length in (("xmm", 16), ("ymm", 32)):
        if kind == "ymm" and not ymm:
            continue
        pairs = values if kind == "xmm" else [wide(values[(n + 1) % len(values)], value) for n, value in enumerate(values)]
        to, of = target or kind, source or kind
        memory = (size if kind == "xmm" else wide_size or size * 2) or length
        suffix = "_imm8" if tail else ""
        yield form(f"{mnemonic}_{kind}_{of}{suffix}", f"{mnemonic} {to}1, {of}2{tail}", [f"ymm2={value}" for value in pairs] + list(extra))
        yield form(f"{mnemonic}_{kind}_m{memory * 8}{suffix}", f"{mnemonic} {to}1, {SIZES[memory]} [ebx]{tail}",
                   [base_case(stored(value, memory)) for value in pairs[:2]] + unaligned(False)[:1] + fault_cases(False))


def integer_forms():
    one_operand = ("pabsb", "pabsw", "pabsd", "phminposuw")
    for mnemonic in IN_BOTH + IN_XMM:
        if mnemonic in one_operand:
            yield from two("v" + mnemonic, (A, B, D), ymm=mnemonic != "phminposuw")
        else:
            yield from three("v" + mnemonic, INTEGERS)
    for mnemonic in ("psllw", "pslld", "psllq", "psrlw", "psrld", "psrlq", "psraw", "psrad"):
        for kind in ("xmm", "ymm"):
            yield form(f"v{mnemonic}_{kind}_{kind}_xmm", f"v{mnemonic} {kind}1, {kind}2, xmm3",
                       [f"ymm2={wide(A, D)} ymm3={wide('0x1', count)}" for count in ("0x3", "0x10", "0x100000000", "0x0")])
            yield form(f"v{mnemonic}_{kind}_{kind}_m128", f"v{mnemonic} {kind}1, {kind}2, oword [ebx]",
                       [base_case(f"ymm2={wide(A, D)} {stored('0x5', 16)}")] + unaligned(False)[:1] + fault_cases(False))
            yield form(f"v{mnemonic}_{kind}_imm8", f"v{mnemonic} {kind}1, {kind}2, 5", [f"ymm2={wide(A, D)}"])
    for mnemonic in ("pslldq", "psrldq"):
        for kind in ("xmm", "ymm"):
            yield form(f"v{mnemonic}_{kind}_imm8", f"v{mnemonic} {kind}1, {kind}2, 3", [f"ymm2={wide(A, D)}"])
            yield form(f"v{mnemonic}_{kind}_imm8_all", f"v{mnemonic} {kind}1, {kind}2, 16", [f"ymm2={wide(A, D)}"])
    for mnemonic in ("psllvd", "psllvq", "psrlvd", "psrlvq", "psravd"):
        yield from three("v" + mnemonic, ((A, "0x0000000000000005000000010000001f"), (D, "0x00000000000000200000004000000003"), (B, A)))
    for mnemonic in ("pand", "pandn", "por", "pxor"):
        pass  # among IN_BOTH
    for mnemonic in ("andps", "andnps", "orps", "xorps", "andpd", "andnpd", "orpd", "xorpd"):
        yield from three("v" + mnemonic, INTEGERS[:2])
    for mnemonic in ("ptest", "testps", "testpd"):
        cases = [f"ymm1={wide(a, b)} ymm2={wide(c, d)}" for a, b, c, d in ((A, A, B, B), ("0x0", "0x0", A, A), (A, A, A, A), ("0xf0", "0x0", "0x0f", "0x0"),
                                                                          (A, "0x0", A, D))]
        for kind, size in (("xmm", 16), ("ymm", 32)):
            yield form(f"v{mnemonic}_{kind}_{kind}", f"v{mnemonic} {kind}1, {kind}2", cases)
            yield form(f"v{mnemonic}_{kind}_m{size * 8}", f"v{mnemonic} {kind}1, [ebx]", [base_case(f"ymm1={A} {stored(B, size)}")] + fault_cases(False))


def shuffle_forms():
    for mnemonic in ("shufps", "shufpd", "palignr", "blendps", "blendpd", "pblendw", "mpsadbw"):
        yield from three("v" + mnemonic, ((D, A), (A, B)), tail=", 0x6d")
    for mnemonic in ("pshufd", "pshufhw", "pshuflw", "permilps", "permilpd"):
        yield from two("v" + mnemonic, (D, A), tail=", 0x6d")
    for mnemonic in ("permilps", "permilpd"):
        yield from three("v" + mnemonic, ((D, A), (A, B)))
    yield from three("vpblendd", ((D, A), (A, B)), tail=", 0xb6")
    for mnemonic in ("pblendvb", "blendvps", "blendvpd"):
        mask = "ymm4=0x80000000000000008000000080008000008000000000000000800000800000ff"
        for kind, size in (("xmm", 16), ("ymm", 32)):
            yield form(f"v{mnemonic}_{kind}", f"v{mnemonic} {kind}1, {kind}2, {kind}3, {kind}4", [f"ymm2={wide(B, A)} ymm3={wide(C, D)} {mask}"])
            yield form(f"v{mnemonic}_{kind}_m{size * 8}", f"v{mnemonic} {kind}1, {kind}2, [ebx], {kind}4",
                       [base_case(f"ymm2={wide(B, A)} {mask}")] + fault_cases(False))
    for mnemonic in ("unpcklps", "unpckhps", "unpcklpd", "unpckhpd"):
        yield from three("v" + mnemonic, ((D, A),))
    for mnemonic in ("movshdup", "movsldup"):
        yield from two("v" + mnemonic, (D, A))
    yield from two("vmovddup", (D, A), size=8, wide_size=32)
    for sign in ("s", "z"):
        for kinds, size in (("bw", 8), ("bd", 4), ("bq", 2), ("wd", 8), ("wq", 4), ("dq", 8)):
            yield from two(f"vpmov{sign}x{kinds}", (D, A), size=size, source="xmm")
    yield form("vinsertps_xmm_xmm_imm8", "vinsertps xmm1, xmm2, xmm3, 0x9a", [f"xmm2={A} xmm3={D}"])
    yield form("vinsertps_xmm_m32_imm8", "vinsertps xmm1, xmm2, dword [ebx], 0x15", [base_case(f"xmm2={A}")] + fault_cases(False))
    yield form("vinsertps_same", "vinsertps xmm1, xmm2, xmm1, 0x9a", [f"xmm2={A} xmm1={D}"])
    for letter in ("f", "i"):
        for lane in (0, 1):
            yield form(f"vinsert{letter}128_ymm_ymm_xmm_{lane}", f"vinsert{letter}128 ymm1, ymm2, xmm3, {lane}", [f"ymm2={wide(A, B)} ymm3={wide(C, D)}"])
            yield form(f"vextract{letter}128_xmm_ymm_{lane}", f"vextract{letter}128 xmm1, ymm2, {lane}", [f"ymm2={wide(A, B)}"])
            yield form(f"vextract{letter}128_m128_ymm_{lane}", f"vextract{letter}128 [ebx], ymm2, {lane}", [base_case(f"ymm2={wide(A, B)}")] + fault_cases(True) + unaligned(False))
        yield form(f"vinsert{letter}128_ymm_ymm_m128", f"vinsert{letter}128 ymm1, ymm2, [ebx], 1", [base_case(f"ymm2={wide(A, B)}")] + fault_cases(False))
        for control in (0x00, 0x13, 0x21, 0x38, 0x83):
            yield form(f"vperm2{letter}128_ymm_ymm_ymm_{control:02x}", f"vperm2{letter}128 ymm1, ymm2, ymm3, {control}", [f"ymm2={wide(A, B)} ymm3={wide(C, D)}"])
        yield form(f"vperm2{letter}128_ymm_ymm_m256", f"vperm2{letter}128 ymm1, ymm2, [ebx], 0x31", [base_case(f"ymm2={wide(A, B)}")] + fault_cases(False))
        yield form(f"vbroadcast{letter}128_ymm_m128", f"vbroadcast{letter}128 ymm1, [ebx]", [base_case()] + fault_cases(False) + unaligned(False))
    for mnemonic, size, kinds in (("vbroadcastss", 4, ("xmm", "ymm")), ("vbroadcastsd", 8, ("ymm",)), ("vpbroadcastb", 1, ("xmm", "ymm")),
                                  ("vpbroadcastw", 2, ("xmm", "ymm")), ("vpbroadcastd", 4, ("xmm", "ymm")), ("vpbroadcastq", 8, ("xmm", "ymm"))):
        for kind in kinds:
            yield form(f"{mnemonic}_{kind}_xmm", f"{mnemonic} {kind}1, xmm2", [f"ymm2={wide(A, D)}"])
            yield form(f"{mnemonic}_{kind}_m{size * 8}", f"{mnemonic} {kind}1, {SIZES[size]} [ebx]", [base_case()] + fault_cases(False))
    for mnemonic in ("vpermd", "vpermps"):
        yield form(f"{mnemonic}_ymm_ymm_ymm", f"{mnemonic} ymm1, ymm2, ymm3", [f"ymm2=0x{7:08x}{3:08x}{0:08x}{9:08x}{5:08x}{1:08x}{6:08x}{2:08x} ymm3={wide(A, D)}"])
        yield form(f"{mnemonic}_ymm_ymm_m256", f"{mnemonic} ymm1, ymm2, [ebx]", [base_case(f"ymm2={wide(A, D)}")] + fault_cases(False))
    for mnemonic in ("vpermq", "vpermpd"):
        yield form(f"{mnemonic}_ymm_ymm_imm8", f"{mnemonic} ymm1, ymm2, 0x6d", [f"ymm2={wide(A, D)}"])
        yield form(f"{mnemonic}_ymm_m256_imm8", f"{mnemonic} ymm1, [ebx], 0x1b", [base_case()] + fault_cases(False))


def move_forms():
    for mnemonic, aligned in (("movaps", True), ("movapd", True), ("movdqa", True), ("movups", False), ("movupd", False), ("movdqu", False)):
        for kind, size in (("xmm", 16), ("ymm", 32)):
            yield form(f"v{mnemonic}_{kind}_{kind}", f"v{mnemonic} {kind}1, {kind}2", [f"ymm2={wide(A, D)}"])
            yield form(f"v{mnemonic}_{kind}_m{size * 8}", f"v{mnemonic} {kind}1, [ebx]", [base_case(), "rbx=0x20000ff0"] + unaligned(aligned) + fault_cases(False))
            yield form(f"v{mnemonic}_m{size * 8}_{kind}", f"v{mnemonic} [ebx], {kind}1",
                       [base_case(f"ymm1={wide(A, D)}"), "rbx=0x20000ff0", "rbx=0x20001ff0"] + unaligned(aligned) + fault_cases(True))
    for kind, size in (("xmm", 16), ("ymm", 32)):
        yield form(f"vlddqu_{kind}_m{size * 8}", f"vlddqu {kind}1, [ebx]", [base_case()] + unaligned(False) + fault_cases(False))
        yield form(f"vmovntdqa_{kind}_m{size * 8}", f"vmovntdqa {kind}1, [ebx]", [base_case()] + unaligned(True) + fault_cases(False))
        for mnemonic in ("movntps", "movntpd", "movntdq"):
            yield form(f"v{mnemonic}_m{size * 8}_{kind}", f"v{mnemonic} [ebx], {kind}1", [base_case(f"ymm1={wide(A, D)}")] + unaligned(True) + fault_cases(True))
    for mnemonic, size in (("movlps", 8), ("movhps", 8), ("movlpd", 8), ("movhpd", 8)):
        yield form(f"v{mnemonic}_xmm_m{size * 8}", f"v{mnemonic} xmm1, xmm2, [ebx]", [base_case(f"ymm2={wide(A, D)}")] + fault_cases(False))
        yield form(f"v{mnemonic}_m{size * 8}_xmm", f"v{mnemonic} [ebx], xmm1", [base_case(f"xmm1={D}")] + fault_cases(True))
    for mnemonic, size in (("movss", 4), ("movsd", 8)):
        yield form(f"v{mnemonic}_xmm_m{size * 8}", f"v{mnemonic} xmm1, [ebx]", [base_case()] + fault_cases(False))
        yield form(f"v{mnemonic}_m{size * 8}_xmm", f"v{mnemonic} [ebx], xmm1", [base_case(f"xmm1={D}")] + fault_cases(True))
    for mnemonic in ("movss", "movsd", "movhlps", "movlhps"):
        yield form(f"v{mnemonic}_xmm_xmm_xmm", f"v{mnemonic} xmm1, xmm2, xmm3", [f"ymm2={wide(B, A)} ymm3={wide(A, D)}"])
    for mnemonic, register, bits, modes in (("movd", "edx", 32, "64 32"), ("movq", "rdx", 64, "64")):
        yield form(f"v{mnemonic}_xmm_r{bits}", f"v{mnemonic} xmm1, {register}", ["rdx=0x81234567"], modes)
        yield form(f"v{mnemonic}_r{bits}_xmm", f"v{mnemonic} {register}, xmm1", [f"xmm1={A}"], modes)
        size = "dword" if bits == 32 else "qword"
        yield form(f"v{mnemonic}_xmm_m{bits}", f"v{mnemonic} xmm1, {size} [ebx]", [base_case()] + fault_cases(False))
        yield form(f"v{mnemonic}_m{bits}_xmm", f"v{mnemonic} {size} [ebx], xmm1", [base_case(f"xmm1={D}")] + fault_cases(True))
    yield form("vmovq_xmm_xmm", "vmovq xmm1, xmm2", [f"ymm2={wide(A, D)}"])
    yield form("vmaskmovdqu_xmm_xmm", "a32 vmaskmovdqu xmm1, xmm2", [f"rdi={OPERAND + 3:#x} xmm1={D} xmm2={A}", f"rdi={READ_ONLY:#x} xmm1={D} xmm2=0xff"])
    yield form("vzeroupper", "vzeroupper", [""])
    yield form("vzeroall", "vzeroall", [""])
    yield form("vldmxcsr_m32", "vldmxcsr [ebx]", [base_case("[data+100]=801f0000"), base_case("[data+100]=bf9f0000"), base_case("[data+100]=00000100")] + fault_cases(False))
    yield form("vstmxcsr_m32", "vstmxcsr [ebx]", [base_case("mxcsr=0x9fbf")] + fault_cases(True))
    # Legacy SSE leaves the upper half alone.
    yield form("legacy_keeps_upper", "paddb xmm1, xmm2\nmovaps xmm3, xmm4\nmovd xmm5, edx", [f"ymm1={wide(A, D)} ymm2={wide(B, C)}"])


def masked_forms():
    mask32 = "0x80000000000000008000000080000000ffffffff7fffffff8000000000000000"
    mask64 = "0x800000000000000000000000ffffffff8000000000000000ffffffffffffffff"
    for mnemonic, mask in (("vmaskmovps", mask32), ("vpmaskmovd", mask32), ("vmaskmovpd", mask64), ("vpmaskmovq", mask64)):
        for kind, size in (("xmm", 16), ("ymm", 32)):
            # Chosen lanes beyond the page fault, others do not.
            yield form(f"{mnemonic}_{kind}_m{size * 8}", f"{mnemonic} {kind}1, {kind}2, [ebx]",
                       [base_case(f"ymm2={mask}"), base_case("ymm2=0x0", UNMAPPED), base_case(f"ymm2={mask}", UNMAPPED), f"rbx=0x20002ff8 ymm2={wide('0x0', '0x8000000080000000')}",
                        f"rbx=0x20002ff8 ymm2={mask}"])
            yield form(f"{mnemonic}_m{size * 8}_{kind}", f"{mnemonic} [ebx], {kind}2, {kind}1",
                       [base_case(f"ymm1={wide(A, D)} ymm2={mask}"), base_case("ymm2=0x0", UNMAPPED), base_case(f"ymm2={mask}", READ_ONLY),
                        f"rbx=0x20001ff8 ymm1={wide(A, D)} ymm2={mask}"])
    for mnemonic, element, index, modes in (("vpgatherdd", 4, 4, "64 32"), ("vgatherdps", 4, 4, "64 32"), ("vpgatherdq", 8, 4, "64 32"), ("vgatherdpd", 8, 4, "64 32"),
                                            ("vpgatherqd", 4, 8, "64"), ("vgatherqps", 4, 8, "64"), ("vpgatherqq", 8, 8, "64"), ("vgatherqpd", 8, 8, "64")):
        for length in (16, 32):
            lanes = length // max(element, index)
            kind = {16: "xmm", 32: "ymm"}
            result, indexes = kind[max(16, lanes * element)], kind[max(16, lanes * index)]
            places = [0x10, -0x20, 0x7, 0x100, 0x3, -0x8, 0x44, 0x21][:lanes]
            packed = sum((place & ((1 << (8 * index)) - 1)) << (8 * index * n) for n, place in enumerate(places))
            chosen = sum(((1 << (8 * element)) - 1 if n % 3 != 1 else 1) << (8 * element * n) for n in range(lanes))
            every = (1 << (8 * element * lanes)) - 1
            far = packed | (0x100000 << (8 * index * (lanes - 1)))
            # Faults part-way: what comes before is loaded, and its mask cleared.
            cases = [f"rbx=0x20000400 ymm2={packed:#x} ymm3={mask:#x}" for mask in (every, chosen, 0)] + [f"rbx=0x20000400 ymm2={far:#x} ymm3={every:#x}"]
            yield form(f"{mnemonic}_{result}_{indexes}_{length * 8}", f"{mnemonic} {result}1, [ebx+{indexes}2*4+0x20], {result}3", cases)
            if modes == "64":
                yield form(f"{mnemonic}_{result}_{indexes}_{length * 8}_far", f"{mnemonic} {result}1, [rbx+{indexes}2], {result}3",
                           [f"rbx=0x4000000020000400 ymm2={(-(0x4000000000000000)) & ((1 << 64) - 1):#x} ymm3={(1 << (8 * element)) - 1:#x}"], "64")


def lane_forms():
    for mnemonic in ("movmskps", "movmskpd", "pmovmskb"):
        for kind in ("xmm", "ymm"):
            yield form(f"v{mnemonic}_r32_{kind}", f"v{mnemonic} edx, {kind}1", [f"ymm1={wide(B, A)}", f"ymm1={wide(A, D)}"])
    for mnemonic, lane, register, bits in (("pextrb", 9, "edx", 8), ("pextrw", 5, "edx", 16), ("pextrd", 2, "edx", 32), ("pextrq", 1, "rdx", 64), ("extractps", 3, "edx", 32)):
        modes = "64" if bits == 64 else "64 32"
        size = {8: "byte", 16: "word", 32: "dword", 64: "qword"}[bits]
        yield form(f"v{mnemonic}_r_xmm_imm8", f"v{mnemonic} {register}, xmm1, {lane}", [f"xmm1={D}", f"xmm1={A}"], modes)
        yield form(f"v{mnemonic}_m{bits}_xmm_imm8", f"v{mnemonic} {size} [ebx], xmm1, {lane}", [base_case(f"xmm1={D}")] + fault_cases(True), modes)
    for mnemonic, lane, register, bits in (("pinsrb", 9, "edx", 8), ("pinsrw", 5, "edx", 16), ("pinsrd", 2, "edx", 32), ("pinsrq", 1, "rdx", 64)):
        modes = "64" if bits == 64 else "64 32"
        size = {8: "byte", 16: "word", 32: "dword", 64: "qword"}[bits]
        yield form(f"v{mnemonic}_xmm_r_imm8", f"v{mnemonic} xmm1, xmm2, {register}, {lane}", [f"ymm2={wide(A, D)} rdx=0x12345678"], modes)
        yield form(f"v{mnemonic}_xmm_m{bits}_imm8", f"v{mnemonic} xmm1, xmm2, {size} [ebx], {lane}", [base_case(f"ymm2={wide(A, D)}")] + fault_cases(False), modes)
    text = [("0x00676e69727473206120736920736968", "0x0000000000000000006e697274730069"), (D, D), ("0x6f", "0x6c6c6568006f6c6c6568")]
    for mnemonic in ("pcmpistri", "pcmpistrm", "pcmpestri", "pcmpestrm"):
        for control in (0x0C, 0x44, 0x7A):
            yield form(f"v{mnemonic}_xmm_xmm_{control:02x}", f"v{mnemonic} xmm1, xmm2, {control:#x}", [f"xmm1={a} xmm2={b} rax=0x5 rdx=0x9" for a, b in text])
        yield form(f"v{mnemonic}_xmm_m128", f"v{mnemonic} xmm1, [ebx], 0x0c", [base_case(f"xmm1={text[2][0]} {stored(text[2][1], 16)} rax=0x1 rdx=0xb"), f"rbx={OPERAND + 1:#x}", f"rbx={UNMAPPED:#x}"])


KINDS = (("ps", SINGLES, 0), ("ss", SINGLES, 4), ("pd", DOUBLES, 0), ("sd", DOUBLES, 8))


def extras(pairs):
    (a, b), (c, d) = pairs[2], pairs[3]
    cases = [f"ymm2={wide(c, a)} ymm3={wide(d, b)} mxcsr={control}" for control in ROUNDINGS]
    return cases + [f"ymm2={wide(pairs[1][0], a)} ymm3={wide(pairs[1][1], b)} {UNMASKED}", f"ymm2={pairs[1][0]} ymm3={pairs[1][1]} mxcsr=0x1e80"]


def arithmetic_forms():
    for stem in ("add", "sub", "mul", "div", "min", "max"):
        for suffix, pairs, size in KINDS:
            yield from three(f"v{stem}{suffix}", pairs, ymm=size == 0, size=size, extra=extras(pairs))
    for suffix, pairs, size in KINDS:
        values = tuple(b for _, b in pairs)
        if size:
            yield from three(f"vsqrt{suffix}", pairs, ymm=False, size=size, extra=extras(pairs))
            yield from three(f"vround{suffix}", pairs, ymm=False, size=size, tail=", 4", extra=extras(pairs))
        else:
            yield from two(f"vsqrt{suffix}", values)
            yield from two(f"vround{suffix}", values, tail=", 9", extra=[f"ymm2={values[0]} {UNMASKED}"])
    for mnemonic, pairs in (("haddps", SINGLES), ("hsubps", SINGLES), ("addsubps", SINGLES), ("haddpd", DOUBLES), ("hsubpd", DOUBLES), ("addsubpd", DOUBLES)):
        yield from three("v" + mnemonic, pairs)
    yield from three("vdpps", (("0x3f8000004000000040400000c0800000", S3), (S3, S3)), tail=", 0xb5")
    yield from three("vdppd", ((D1, D1), (D4, D1)), ymm=False, tail=", 0x31")
    edges = ("0x7fc123457f8000008000000000000000", "0x7f8000007f8000007f8000007f800000")
    for stem in ("rcp", "rsqrt"):
        # Approximations: only zeros, infinities and NaNs are the same everywhere.
        for kind, size in (("xmm", 16), ("ymm", 32)):
            yield form(f"v{stem}ps_{kind}_{kind}", f"v{stem}ps {kind}1, {kind}2", [f"ymm2={wide(*edges)}", f"ymm2={wide(*edges[::-1])}"])
            yield form(f"v{stem}ps_{kind}_m{size * 8}", f"v{stem}ps {kind}1, [ebx]", [base_case(stored(wide(*edges), size))] + fault_cases(False))
        yield form(f"v{stem}ss_xmm_xmm_xmm", f"v{stem}ss xmm1, xmm2, xmm3", [f"ymm2={wide(A, D)} xmm3={edge}" for edge in edges])
        yield form(f"v{stem}ss_xmm_xmm_m32", f"v{stem}ss xmm1, xmm2, [ebx]", [base_case(stored(edges[1], 4))] + fault_cases(False))


def compare_forms():
    for suffix, pairs, size in KINDS:
        pairs = pairs + ((pairs[0][0], pairs[0][0]), (pairs[0][0], pairs[1][1]))
        for condition in range(32):
            yield form(f"vcmp{suffix}_{condition:02x}", f"vcmp{suffix} xmm1, xmm2, xmm3, {condition}",
                       [f"ymm2={a} ymm3={b}" for a, b in pairs] + [f"ymm2={pairs[0][0]} ymm3={pairs[0][1]} {UNMASKED}"])
        yield from three(f"vcmp{suffix}", pairs, ymm=size == 0, size=size, tail=", 0x1d")
    numbers = {"ss": ("0x3f800000", "0x40000000", "0x7fc00000", "0x7f800001"), "sd": ("0x3ff0000000000000", "0x4000000000000000", "0x7ff8000000000000", "0x7ff0000000000001")}
    for suffix, values in numbers.items():
        for stem in ("comi", "ucomi"):
            yield form(f"v{stem}{suffix}_xmm_xmm", f"v{stem}{suffix} xmm1, xmm2",
                       [f"xmm1={values[0]} xmm2={value} flags=of|sf|af" for value in values] + [f"xmm1={values[2]} xmm2=0x1 {UNMASKED}"])
            size = 4 if suffix == "ss" else 8
            yield form(f"v{stem}{suffix}_xmm_m{size * 8}", f"v{stem}{suffix} xmm1, [ebx]", [base_case(f"xmm1={values[0]} {stored(values[1], size)}")] + fault_cases(False))


def convert_forms():
    whole = "0x4f00000041280000c12e00003fa00000"
    far = "0x41e00000000000004024000000000000"
    for mnemonic, values in (("cvtps2dq", (whole, S1, S2)), ("cvttps2dq", (whole, S1, S2)), ("cvtdq2ps", (A, D))):
        yield from two("v" + mnemonic, values, extra=[f"ymm2={values[0]} mxcsr=0x5f80", f"ymm2={values[1]} {UNMASKED}"])
    for mnemonic, values in (("cvtdq2pd", (A, D)), ("cvtps2pd", (S1, S2))):
        yield from two("v" + mnemonic, values, size=8, source="xmm")
    for mnemonic, values in (("cvtpd2ps", (D1, D2, D4)), ("cvtpd2dq", (far, D1, D2)), ("cvttpd2dq", (far, D1, D4))):
        yield from two("v" + mnemonic, values, target="xmm", extra=[f"ymm2={wide(D2, far)} mxcsr=0x3f80", f"ymm2={wide(D2, D1)} {UNMASKED}"])
    yield from three("vcvtss2sd", ((D, S1), (A, S2)), ymm=False, size=4)
    yield from three("vcvtsd2ss", ((D, D1), (A, D2), (A, D4)), ymm=False, size=8)
    for source, values, size in (("ss", ("0x3fc00000", "0xc0200000", "0x7f800000", "0x5f000000"), 4), ("sd", ("0x3ff8000000000000", "0xc004000000000000", "0x43e0000000000000"), 8)):
        for stem in ("cvt", "cvtt"):
            for register, bits, modes in (("edx", 32, "64 32"), ("rdx", 64, "64")):
                yield form(f"v{stem}{source}2si_r{bits}_xmm", f"v{stem}{source}2si {register}, xmm1", [f"xmm1={value}" for value in values] + [f"xmm1={values[2]} {UNMASKED}"], modes)
                yield form(f"v{stem}{source}2si_r{bits}_m{size * 8}", f"v{stem}{source}2si {register}, [ebx]", [base_case(stored(values[1], size))] + fault_cases(False), modes)
    for mnemonic in ("vcvtsi2ss", "vcvtsi2sd"):
        for register, bits, modes in (("edx", 32, "64 32"), ("rdx", 64, "64")):
            size = "dword" if bits == 32 else "qword"
            yield form(f"{mnemonic}_xmm_r{bits}", f"{mnemonic} xmm1, xmm2, {register}", [f"ymm2={wide(A, D)} rdx={value}" for value in ("0x0", "0x7fffffff", "0xffffff80")], modes)
            yield form(f"{mnemonic}_xmm_m{bits}", f"{mnemonic} xmm1, xmm2, {size} [ebx]", [base_case()] + fault_cases(False), modes)


def fused_forms():
    # Factors, factors, addends; then a sum that cancels, and zeros and infinities that meet.
    singles = ((S1, S3, S2), (S3, "0x3f8000004000000040400000c0800000", S1), ("0x3f800001", "0x3f800001", "0xbf800002"), ("0x7f800000", "0x0", "0x7fc12345"),
               ("0x7f800000", "0x3f800000", "0xff800000"), ("0x0", "0x80000000", "0x0"), ("0x7f7fffff", "0x40000000", "0xff7fffff"), ("0x00000001", "0x3f000000", "0x1"),
               ("0x7f800001", "0x7fc12345", "0x7fc23456"), ("0x3f800000", "0x7fc12345", "0x7fc23456"))
    doubles = ((D1, D4, D2), (D4, D2, D1), ("0x3ff0000000000001", "0x3ff0000000000001", "0xbff0000000000002"), ("0x7ff0000000000000", "0x0", "0x7ff8000000012345"),
               ("0x0", "0x8000000000000000", "0x8000000000000000"), ("0x7fefffffffffffff", "0x4000000000000000", "0xffefffffffffffff"), ("0x1", "0x3fe0000000000000", "0x1"))
    for stem, kinds in (("vfmadd", KINDS), ("vfmsub", KINDS), ("vfnmadd", KINDS), ("vfnmsub", KINDS), ("vfmaddsub", KINDS[::2]), ("vfmsubadd", KINDS[::2])):
        for order in ("132", "213", "231"):
            for suffix, _, size in kinds:
                triples = singles if suffix[1] == "s" else doubles
                mnemonic = f"{stem}{order}{suffix}"
                for kind, length in (("xmm", 16), ("ymm", 32)):
                    if size and kind == "ymm":
                        continue
                    cases = [f"ymm1={wide(triples[n - 1][0], a)} ymm2={wide(triples[n - 1][1], b)} ymm3={wide(triples[n - 1][2], c)}" for n, (a, b, c) in enumerate(triples)]
                    cases += [f"{cases[1]} mxcsr={ROUNDINGS[0]}", f"{cases[2]} mxcsr={ROUNDINGS[1]}", f"{cases[0]} {UNMASKED}"]
                    yield form(f"{mnemonic}_{kind}", f"{mnemonic} {kind}1, {kind}2, {kind}3", cases)
                    memory = size or length
                    yield form(f"{mnemonic}_{kind}_m{memory * 8}", f"{mnemonic} {kind}1, {kind}2, [ebx]",
                               [base_case(f"ymm1={wide(triples[1][0], triples[0][0])} ymm2={wide(triples[0][1], triples[1][1])} {stored(wide(triples[1][2], triples[0][2]), memory)}")]
                               + fault_cases(False))


def half_forms():
    halves = "0x7c0100018000fc007e0103ff3c00c500"
    yield from two("vcvtph2ps", (halves, "0x04000001bc003e0084007bff00007c00"), size=8, source="xmm", extra=[f"ymm2={halves} mxcsr=0x9fc0", f"ymm2={halves} {UNMASKED}"])
    singles = ("0x477fe0003380000038800000bf801fff", "0x7fc123457f800001c77ff00033000001")
    for kind, size in (("xmm", 8), ("ymm", 16)):
        for control in (0, 1, 2, 3, 4):
            yield form(f"vcvtps2ph_xmm_{kind}_{control}", f"vcvtps2ph xmm1, {kind}2, {control}",
                       [f"ymm2={wide(*singles)}", f"ymm2={wide(*singles[::-1])}", f"ymm2={wide(S1, S2)} mxcsr=0xffc0", f"ymm2={wide(*singles)} {UNMASKED}"])
        yield form(f"vcvtps2ph_m{size * 8}_{kind}", f"vcvtps2ph [ebx], {kind}2, 0", [base_case(f"ymm2={wide(*singles)}"), base_case(f"ymm2={wide(*singles)} {UNMASKED}")] + fault_cases(True))


def crypto_forms():
    for mnemonic in ("vaesenc", "vaesenclast", "vaesdec", "vaesdeclast"):
        yield from three(mnemonic, ((D, A), (A, B)))
    yield from two("vaesimc", (D, A), ymm=False)
    yield from two("vaeskeygenassist", (D, A), ymm=False, tail=", 0x1b")
    yield from three("vpclmulqdq", ((D, A), (A, B)), tail=", 0x10")


def forms():
    for family in (integer_forms, shuffle_forms, move_forms, masked_forms, lane_forms, arithmetic_forms, compare_forms, convert_forms, fused_forms, half_forms, crypto_forms):
        yield from family()
