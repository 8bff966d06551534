package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
)

// The images below are made up in content and real in shape: the files, their
// number, their sizes and how they compress are those of what the tools leave.
// The same numbers come out every time.

// buildJars writes some 400 MB of Java: self-contained Spring Boot programs,
// whose libraries are stored as they are, web archives, whose libraries are
// compressed again, and an enterprise archive around those.
func buildJars(root string) error {
	r := rand.New(rand.NewPCG(1, 2))
	libraries := make([][]byte, 120)
	for i := range libraries {
		name, version := fmt.Sprintf("library-%03d", i), fmt.Sprintf("%d.%d.%d", 1+i%5, i%9, i%13)
		data, err := jar(func(add func(name string, method uint16, data []byte) error) error {
			if err := add("META-INF/MANIFEST.MF", zip.Deflate, fmt.Appendf(nil, "Manifest-Version: 1.0\r\nImplementation-Title: %s\r\nImplementation-Version: %s\r\nBundle-License: Apache-2.0\r\n\r\n", name, version)); err != nil {
				return err
			}
			if i%6 != 0 { // Gradle's jars have no properties
				if err := add("META-INF/maven/org.example."+name[:9]+"/"+name+"/pom.properties", zip.Deflate,
					fmt.Appendf(nil, "#Created by Apache Maven\nversion=%s\ngroupId=org.example.%s\nartifactId=%s\n", version, name[:9], name)); err != nil {
					return err
				}
			}
			for k := range 40 + r.IntN(250) {
				if err := add(fmt.Sprintf("org/example/%s/internal/Class%04d.class", name, k), zip.Deflate, class(r)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		libraries[i] = data
	}
	var war []byte
	for i := range 12 {
		program, err := archive(r, "BOOT-INF", libraries, 60, zip.Store)
		if err == nil {
			err = write(root, fmt.Sprintf("srv/app-%d/app-%d-1.0.%d.jar", i, i, i), program)
		}
		if err != nil {
			return err
		}
	}
	for i := range 3 {
		var err error
		if war, err = archive(r, "WEB-INF", libraries, 50, zip.Deflate); err == nil {
			err = write(root, fmt.Sprintf("opt/tomcat/webapps/app%d.war", i), war)
		}
		if err != nil {
			return err
		}
	}
	ear, err := jar(func(add func(string, uint16, []byte) error) error { return add("web.war", zip.Deflate, war) })
	if err != nil {
		return err
	}
	return write(root, "opt/server/deployments/all.ear", ear)
}

// archive is a program around some of the libraries.
func archive(r *rand.Rand, inf string, libraries [][]byte, n int, method uint16) ([]byte, error) {
	return jar(func(add func(string, uint16, []byte) error) error {
		for k := range 200 {
			if err := add(fmt.Sprintf("%s/classes/com/example/app/Part%03d.class", inf, k), zip.Deflate, class(r)); err != nil {
				return err
			}
		}
		for _, i := range r.Perm(len(libraries))[:n] {
			if err := add(fmt.Sprintf("%s/lib/library-%03d-%d.%d.%d.jar", inf, i, 1+i%5, i%9, i%13), method, libraries[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func jar(fill func(add func(name string, method uint16, data []byte) error) error) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	err := fill(func(name string, method uint16, data []byte) error {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// class is of a class file's size, and like one loses half of it to deflate.
func class(r *rand.Rand) []byte {
	data := make([]byte, 800+r.IntN(9000))
	copy(data, "\xca\xfe\xba\xbe\x00\x00\x00\x41")
	for i := 8; i < len(data); i++ {
		data[i] = byte(r.Uint32() & 0x0f)
	}
	return data
}

// buildPython writes 2,000 distributions as pip leaves them: modules, RECORD,
// METADATA with its long description, WHEEL, INSTALLER.
func buildPython(root string) error {
	const site = "usr/local/lib/python3.12/site-packages"
	r := rand.New(rand.NewPCG(3, 4))
	var source bytes.Buffer
	for i := range 100 {
		fmt.Fprintf(&source, "def function_%d(value, *, other=%d):\n    \"\"\"Does what its name says.\"\"\"\n    return value + other * %d\n\n", i, r.IntN(100), r.IntN(1000))
	}
	for i := range 2000 {
		name, version := fmt.Sprintf("package_%04d", i), fmt.Sprintf("%d.%d.%d", i%7, i%11, i%17)
		info := fmt.Sprintf("%s-%s.dist-info", name, version)
		var record, metadata bytes.Buffer
		add := func(name string, data []byte) error {
			sum := sha256.Sum256(data)
			fmt.Fprintf(&record, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(data))
			return write(root, path.Join(site, name), data)
		}
		for k := range 4 + r.IntN(30) {
			text := source.Bytes()[:500+r.IntN(source.Len()-500)]
			if err := errors.Join(add(fmt.Sprintf("%s/part_%02d.py", name, k), text), add(fmt.Sprintf("%s/__pycache__/part_%02d.cpython-312.pyc", name, k), class(r))); err != nil {
				return err
			}
		}
		fmt.Fprintf(&metadata, "Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: one of many\nAuthor-email: someone@example.org\nLicense: MIT\nClassifier: Programming Language :: Python :: 3\nRequires-Python: >=3.8\n", name, version)
		for range r.IntN(12) {
			fmt.Fprintf(&metadata, "Requires-Dist: package-%04d (>=0.1)\n", r.IntN(2000))
		}
		fmt.Fprintf(&metadata, "Requires-Dist: pytest ; extra == 'test'\n\n# %s\n", name)
		metadata.Write(source.Bytes()[:1000+r.IntN(8000)])
		for _, f := range []struct{ name, text string }{
			{"METADATA", metadata.String()}, {"WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}, {"INSTALLER", "pip\n"}, {"top_level.txt", name + "\n"},
		} {
			if err := add(info+"/"+f.name, []byte(f.text)); err != nil {
				return err
			}
		}
		fmt.Fprintf(&record, "%s/RECORD,,\n", info)
		if err := write(root, path.Join(site, info, "RECORD"), record.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func write(root, name string, data []byte) error {
	file := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}
