# Files, one behind the other, as a string of C: cmake "-DFROM=a;b" -DTO=... -DNAME=... -P text.cmake
set(BYTES)
foreach(FILE ${FROM})
  file(READ ${FILE} MORE HEX)
  string(APPEND BYTES ${MORE})
endforeach()
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," LIST "${BYTES}")
string(REGEX REPLACE "(('[^']*',){16})" "\\1\n" LINES "${LIST}")
file(WRITE ${TO} "extern const char ${NAME}[];\nconst char ${NAME}[] = {\n${LINES}0};\n")
