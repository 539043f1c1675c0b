#!/usr/bin/env python3
"""Makes the PLINK vectors of this folder: random genotypes, full of edge cases, and PLINK 1.9's answers to them.

Usage: python3 make-vectors.py    (needs plink1.9 on the path; made with v1.90b6.26)
"""
import os
import random
import subprocess

MISSING, HOM_A1, HET, HOM_A2 = 1, 0, 2, 3

#        name              species  contigs                     people founders seed
SETS = [("human",          "human", [1, 22, 23, 24, 25, 26, 0], 37,    1.0,     11),
        ("human-families", "human", [2, 23, 24, 26],            60,    0.4,     12),
        ("human-few",      "human", [1, 23, 24, 26],            9,     1.0,     13),
        ("mouse",          "mouse", [1, 19, 20, 21],            45,    1.0,     14),
        ("cow",            "cow",   [29, 30, 31, 33],           30,    1.0,     15),
        ("rice",           "rice",  [1, 12],                    25,    1.0,     16)]


def make(name, species, contigs, people, founders, seed):
    r = random.Random(seed)
    fam = []
    for i in range(people):
        parents = ("0", "0") if r.random() < founders else (f"P{i}", f"M{i}")
        fam.append((f"F{i}", f"I{i}", *parents, r.choice([0, 1, 2, 1, 2]), -9))
    bed, bim = bytearray([0x6C, 0x1B, 0x01]), []
    for contig in contigs:
        for i in range(14):
            p = [0, 1, 0.5, 0.5, 0.5, r.random(), r.random(), 0.02, 0.97][i % 9]
            missing = r.choice([0, 0.02, 0.15, 0.7])
            bim.append(f"{contig}\ts{contig}_{i}\t0\t{1000 * (i + 1)}\tA\tG\n")
            codes = []
            for _ in range(people):
                copies = (r.random() < p) + (r.random() < p)
                codes.append(MISSING if r.random() < missing else (HOM_A2, HET, HOM_A1)[copies])
            for k in range(0, people, 4):
                bed.append(sum(code << (2 * j) for j, code in enumerate(codes[k:k + 4])))
    with open(name + ".bed", "wb") as f:
        f.write(bed)
    with open(name + ".bim", "w") as f:
        f.writelines(bim)
    with open(name + ".fam", "w") as f:
        f.writelines(" ".join(map(str, person)) + "\n" for person in fam)
    with open(name + ".pheno.tsv", "w") as f:
        f.write("FID\tIID\tcc\tqt\n")
        for person in fam:
            cc = r.choice(["1", "2", "1", "2", "-9", "NA"])
            qt = r.choice([f"{r.gauss(0, 1):.7g}", f"{r.gauss(2, 1):.7g}", f"{r.gauss(-3, 40):.7g}", "NA", "-9"])
            f.write(f"{person[0]}\t{person[1]}\t{cc}\t{qt}\n")
    flags = [] if species == "human" else ["--" + species]
    for trait in ("cc", "qt"):
        subprocess.run(["plink1.9", "--bfile", name, *flags, "--assoc", "--allow-no-sex", "--pheno",
                        name + ".pheno.tsv", "--pheno-name", trait, "--out", name],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for extension in ("log", "nosex", "hh"):
        if os.path.exists(f"{name}.{extension}"):
            os.remove(f"{name}.{extension}")


for row in SETS:
    make(*row)
